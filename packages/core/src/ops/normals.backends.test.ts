import { add, mul, tensor, tidy } from '@tensorflow/tfjs-core'
import { describeBackends } from '@unidiag/testing/backends'
import { expectClose } from '@unidiag/testing/operator'
import { expect, it } from 'vitest'
import { Random } from '../random.js'
import { deviation } from './deviation.js'
import { normals } from './normals.js'

const rng = () => new Random(4).rng('noise')

describeBackends('noise', () => {
  it.each([1, 2, 7, 8, 9, 16, 1001])('normals of %i elements are those of the random numbers', (count) => {
    tidy(() => expectClose(normals([count], rng()).dataSync(), rng().normals(count), 2e-6))
  })

  it('normals have shape, mean, deviation and tails', () =>
    tidy(() => {
      const drawn = normals([300, 1000], rng())
      expect(drawn.shape).toEqual([300, 1000])
      const values = drawn.dataSync()
      expectClose(values, rng().normals(300_000), 1e-6)
      expect(values.every(Number.isFinite)).toBe(true)
      const share = (beyond: number) => values.filter((x) => Math.abs(x) > beyond).length / values.length
      expect(share(1)).toBeCloseTo(0.3173, 2)
      expect(share(3)).toBeCloseTo(0.0027, 3)
    }))

  it('deviation is the unbiased one', () =>
    tidy(() => {
      expect(deviation(tensor([1, 2, 3, 4])).dataSync()[0]).toBeCloseTo(Math.sqrt(5 / 3), 6)
      expect(deviation(tensor([[7, 7, 7]])).dataSync()[0]).toBe(0)
      expect(deviation(tensor([2])).dataSync()[0]).toBeNaN()
      expect(deviation(add(mul(normals([5000], rng()), 0.01), 100)).dataSync()[0]).toBeCloseTo(0.01, 3)
    }))
})
