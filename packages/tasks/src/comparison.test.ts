import { Random } from '@unidiag/core/random'
import { describe, expect, it } from 'vitest'
import { comparePaired, mcNemar } from './comparison.js'

describe('mcNemar', () => {
  // scipy.stats.binomtest(min(a, b), a + b).pvalue, scipy 1.x
  it.each([
    [0, 0, 1],
    [3, 9, 0.14599609375],
    [12, 6, 0.237884521484375],
    [400, 470, 0.019267052848609047],
    [5, 5, 1],
    [900, 1300, 1.463722041926662e-17],
  ])('%i against %i: p = %f', (a, b, p) => {
    expect(mcNemar(a, b) / p).toBeCloseTo(1, 8)
    expect(mcNemar(b, a)).toBe(mcNemar(a, b))
  })
})

describe('comparePaired', () => {
  it('compares sample by sample', () => {
    const first = [1, 1, 0, 0, 1, 0, 0, 0, 0, 1]
    const second = [1, 0, 1, 1, 1, 1, 0, 1, 0, 1]
    const found = comparePaired(first, second, new Random(0).rng('x'))
    expect(found).toMatchObject({ n: 10, difference: 0.3, onlyFirst: 1, onlySecond: 4, p: 0.375 })
    expect(found.interval[0]).toBeLessThan(0)
    expect(found.interval[1]).toBeGreaterThan(0.3)
  })

  it('finds no difference between a run and itself', () => {
    expect(comparePaired([1, 0], [1, 0], new Random(0).rng('x'))).toEqual({ n: 2, difference: 0, interval: [0, 0], onlyFirst: 0, onlySecond: 0, p: 1 })
  })
})
