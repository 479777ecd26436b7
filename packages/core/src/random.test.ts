import { describe, expect, it } from 'vitest'
import { Random, threefry2x32 } from './random.js'

const hex = (key: readonly [number, number], counter: readonly [number, number]): string[] => {
  const out = new Int32Array(2)
  threefry2x32(key[0], key[1], counter[0], counter[1], out)
  return Array.from(out, (word) => (word >>> 0).toString(16).padStart(8, '0'))
}

describe('Threefry-2x32-20', () => {
  // Known answers of the authors' Random123 library (kat_vectors).
  it('gives the published blocks', () => {
    expect(hex([0, 0], [0, 0])).toEqual(['6b200159', '99ba4efe'])
    expect(hex([-1, -1], [-1, -1])).toEqual(['1cb996fc', 'bb002be7'])
    expect(hex([0x13198a2e, 0x03707344], [0x243f6a88, 0x85a308d3])).toEqual(['c4923a9c', '483df7a0'])
  })
})

describe('Random', () => {
  const draw = (seed: number, ...path: (string | number)[]) => [...new Random(seed).rng(...path).uniforms(4)]

  it('depends on seed and path only', () => {
    expect(draw(1, 'a', 2)).toEqual(draw(1, 'a', 2))
    const others = [draw(2, 'a', 2), draw(1, 'a', 3), draw(1, 'b', 2), draw(1, 'a'), draw(1, 'a', '2'), draw(1, 'a2'), draw(2 ** 32 + 1, 'a', 2)]
    for (const other of others) expect(other).not.toEqual(draw(1, 'a', 2))
  })

  it('draws the same numbers one by one and in bulk', () => {
    const one = new Random(5).rng('x')
    const bulk = new Random(5).rng('x').uniforms(7)
    // 32 bits one by one, the upper 24 of them in bulk.
    expect(Array.from({ length: 7 }, () => Math.floor(one.uniform() * 2 ** 24) / 2 ** 24)).toEqual([...bulk])
  })

  it('goes on where a bulk draw of odd length ended', () => {
    const [a, b] = [new Random(5).rng('x'), new Random(5).rng('x')]
    a.uniforms(3)
    for (let i = 0; i < 3; i++) b.uniform()
    expect(a.uniform()).toBe(b.uniform())
  })

  it('is uniform', () => {
    const values = new Random(3).rng('u').uniforms(100_000)
    const counts = new Array(10).fill(0)
    for (const x of values) counts[Math.floor(x * 10)]++
    // chi-squared with 9 degrees of freedom is below 27.9 in 999 of 1000 cases
    expect(counts.reduce((total, n) => total + (n - 10_000) ** 2 / 10_000, 0)).toBeLessThan(27.9)
    expect(Math.min(...values.slice(0, 1000))).toBeGreaterThanOrEqual(0)
  })

  it('is normal', () => {
    const values = new Random(3).rng('n').normals(100_001)
    const mean = values.reduce((a, x) => a + x, 0) / values.length
    const moment = (k: number) => values.reduce((a, x) => a + (x - mean) ** k, 0) / values.length
    expect(Math.abs(mean)).toBeLessThan(0.01)
    expect(moment(2)).toBeCloseTo(1, 1)
    expect(moment(4)).toBeCloseTo(3, 0)
    expect(values.every(Number.isFinite)).toBe(true)
  })

  it('permutes', () => {
    const order = new Random(1).rng('p').permutation(50)
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i))
    expect([...order]).not.toEqual(Array.from({ length: 50 }, (_, i) => i))
  })

  it('draws integers in range, all of them', () => {
    const rng = new Random(1).rng('i')
    expect([...new Set(Array.from({ length: 300 }, () => rng.int(5)))].sort()).toEqual([0, 1, 2, 3, 4])
  })
})
