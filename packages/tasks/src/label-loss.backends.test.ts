import { type Tensor1D, tensor1d, tensor2d } from '@tensorflow/tfjs-core'
import { describeBackends } from '@unidiag/testing/backends'
import { expect, it } from 'vitest'
import { crossEntropyOfLabels, probabilityOfLabels } from './label-loss.js'

const ids = (...labels: number[]): Tensor1D => tensor1d(labels, 'int32')

describeBackends('losses of labels', () => {
  it('leave out rows without a label', () => {
    const logits = tensor2d([
      [1, 2, 3],
      [3, 2, 1],
      [0, 0, 5],
    ])
    const probability = Math.E ** 2 / (1 + Math.E + Math.E ** 2)
    const [first, none, last] = probabilityOfLabels(logits, ids(2, -1, 0)).dataSync()
    expect(first).toBeCloseTo(probability, 5)
    expect(none).toBe(0)
    expect(last).toBeCloseTo(1 / (2 + Math.E ** 5), 5)
    expect(crossEntropyOfLabels(logits, ids(2, -1, -1)).dataSync()[0]).toBeCloseTo(-Math.log(probability), 5)
    expect(crossEntropyOfLabels(logits, ids(-1, -1, -1)).dataSync()[0]).toBeCloseTo(0, 6)
  })

  it('of a single class are certain', () => {
    const logits = tensor2d([[3], [-1]])
    expect([...probabilityOfLabels(logits, ids(0, -1)).dataSync()]).toEqual([1, 0])
    expect(crossEntropyOfLabels(logits, ids(0, 0)).dataSync()[0]).toBeCloseTo(0, 6)
  })
})
