import { readFileSync } from 'node:fs'
import { Random } from '@unidiag/core/random'
import { describe, expect, it } from 'vitest'
import { jointProbabilities } from './affinities.js'
import type { Matrix } from './matrix.js'
import { tsne } from './tsne.js'
import { umap } from './umap.js'

// tsne.reference.py makes the numbers, with scikit-learn.
const reference = JSON.parse(readFileSync(new URL('./tsne.reference.json', import.meta.url), 'utf8')) as {
  few: number[][]
  joint: number[]
  many: number[][]
  divergences: number[]
}
const matrix = (rows: readonly (readonly number[])[]): Matrix => ({ width: rows[0].length, data: Float32Array.from(rows.flat()) })
const rng = (seed = 1) => new Random(seed).rng('map')
const many = matrix(reference.many)
const group = (i: number): number => Math.floor(i / 40)

/** Share of the points whose nearest neighbour in a map is of their own group. */
function together({ data, width }: Matrix): number {
  const n = data.length / width
  const distance = (i: number, j: number): number => {
    let sum = 0
    for (let k = 0; k < width; k++) sum += (data[i * width + k] - data[j * width + k]) ** 2
    return i === j ? Number.POSITIVE_INFINITY : sum
  }
  const nearest = (i: number): number => Array.from({ length: n }, (_, j) => j).reduce((best, j) => (distance(i, j) < distance(i, best) ? j : best), i)
  return Array.from({ length: n }, (_, i) => Number(group(nearest(i)) === group(i))).reduce((a, b) => a + b) / n
}

describe('t-SNE', () => {
  const options = { dimensions: 2, perplexity: 20, iterations: 1000, exaggeration: 12 }

  it('knows who is near whom as scikit-learn does', () => {
    const joint = jointProbabilities(matrix(reference.few), 4)
    expect(joint).toHaveLength(reference.joint.length)
    for (const [pair, p] of reference.joint.entries()) expect(joint[pair]).toBeCloseTo(p, 6)
  })

  it('does not lose points that are far from all others', () => {
    const joint = jointProbabilities(matrix([[0], [1], [2], [1e4]]), 2)
    expect(joint.every(Number.isFinite)).toBe(true)
    expect(2 * joint.reduce((a, b) => a + b)).toBeCloseTo(1, 5)
  })

  it('makes maps as faithful as those of scikit-learn, in groups, the same ones for the same seed', () => {
    const iterations: number[] = []
    const { map, divergence } = tsne(many, { ...options, rng: rng(), onIteration: (iteration) => iterations.push(iteration) })
    expect(divergence).toBeGreaterThan(0.2)
    expect(divergence).toBeLessThan(Math.max(...reference.divergences) + 0.01)
    expect(together(map)).toBe(1)
    expect(iterations.at(-1)).toBe(1000)
    expect(tsne(many, { ...options, rng: rng() }).map).toEqual(map)
    expect(tsne(many, { ...options, rng: rng(2) }).map).not.toEqual(map)
  })

  it('makes maps in space, which are more faithful', () => {
    const { map, divergence } = tsne(many, { ...options, dimensions: 3, rng: rng() })
    expect(map.data).toHaveLength(3 * 120)
    expect(divergence).toBeLessThan(Math.min(...reference.divergences))
  })

  it('refuses more points than it can compare', () => {
    expect(() => tsne({ width: 1, data: new Float32Array(10_001) }, { ...options, rng: rng() })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })
})

describe('UMAP', () => {
  it.each([2, 3])('makes maps of %i dimensions, in groups, the same ones for the same seed', (dimensions) => {
    const options = { dimensions, neighbors: 10, minDist: 0.1 }
    const map = umap(many, { ...options, rng: rng() })
    expect(map.data).toHaveLength(dimensions * 120)
    expect(together(map)).toBe(1)
    expect(umap(many, { ...options, rng: rng() })).toEqual(map)
    expect(umap(many, { ...options, rng: rng(2) })).not.toEqual(map)
  })
})
