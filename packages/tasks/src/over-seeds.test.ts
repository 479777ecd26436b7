import { expect, it } from 'vitest'
import { overSeeds } from './over-seeds.js'

it('gives mean, standard deviation and interval of Student', () => {
  const { n, mean, deviation, interval } = overSeeds([0.7, 0.72, 0.77])
  expect(n).toBe(3)
  expect(mean).toBeCloseTo(0.73)
  expect(deviation).toBeCloseTo(0.036056, 6)
  // t = 4.302653 with 2 degrees of freedom.
  expect(interval[0]).toBeCloseTo(0.73 - (4.302653 * 0.0360555) / Math.sqrt(3), 5)
  expect(interval[1]).toBeCloseTo(0.73 + (4.302653 * 0.0360555) / Math.sqrt(3), 5)
})

it('goes on beyond the table', () => {
  const half = (n: number) => {
    const values = Array.from({ length: n }, (_, i) => (i % 2 === 0 ? -1 : 1))
    const { interval, deviation } = overSeeds(values)
    return ((interval[1] - interval[0]) / 2 / deviation) * Math.sqrt(n)
  }
  // scipy.stats.t.ppf(0.975, n - 1)
  expect(half(31)).toBeCloseTo(2.0423, 3)
  expect(half(32)).toBeCloseTo(2.0395, 3)
  expect(half(201)).toBeCloseTo(1.9719, 4)
})

it('has no interval of one run', () => {
  expect(overSeeds([0.5])).toEqual({ n: 1, mean: 0.5, deviation: Number.NaN, interval: [Number.NaN, Number.NaN] })
})
