import { memory, tensor, tidy } from '@tensorflow/tfjs-core'
import { Random } from '@unidiag/core/random'
import { useBackend } from '@unidiag/testing/backends'
import { describe, expect, it } from 'vitest'
import { gradientNoise } from './gradient-noise.js'

const rng = () => new Random(3).rng('noise')
const noise = (values: number[], shape: number[], usedRowsOnly = false): number[] =>
  tidy(() => [...gradientNoise(tensor(values, shape), rng(), usedRowsOnly).dataSync()])

describe('gradientNoise', () => {
  useBackend()

  it('has the unbiased deviation of the gradient and no mean', () => {
    const gradient = Array.from({ length: 4000 }, (_, i) => (i % 2 === 0 ? 3 : 1))
    const values = noise(gradient, [4000])
    const mean = values.reduce((a, b) => a + b) / 4000
    const std = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / 3999)
    expect(Math.abs(mean)).toBeLessThan(0.06)
    expect(std).toBeCloseTo(1, 1)
    expect(noise(gradient, [4000])).toEqual(values)
  })

  it('a single element and an overflowed gradient get none', () => {
    expect(noise([5], [1])).toEqual([0])
    expect(noise([Number.NaN, 1], [2]).every((value) => value === 0)).toBe(true)
  })

  it('leaves unused rows of a table alone when told so', () => {
    const values = [1, -2, 0, 0, 0, 3]
    const [first, second, third] = [0, 2, 4].map((i) => noise(values, [3, 2], true).slice(i, i + 2))
    expect(second).toEqual([0, 0])
    for (const row of [first, third]) expect(row.every((value) => value !== 0)).toBe(true)
    expect(noise(values, [3, 2]).every((value) => value !== 0)).toBe(true)
  })

  it('leaves no tensor behind', () => {
    const before = memory().numTensors
    for (let i = 0; i < 20; i++) noise([1, 2, 3, 4], [2, 2], true)
    expect(memory().numTensors).toBe(before)
  })
})
