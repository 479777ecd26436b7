import { abs, memory, mul, type Scalar, scalar, type Tensor, tensor, tidy, transpose } from '@tensorflow/tfjs-core'
import { describeBackends } from '@unidiag/testing/backends'
import { expect, it } from 'vitest'
import { adamwUpdateAll } from './adamw.js'
import { addAll } from './add-all.js'
import { emaAll } from './ema.js'
import { globalNorm } from './global-norm.js'
import { notFinite } from './not-finite.js'
import { clipAll, scaleAll } from './scale-all.js'

/** [2, 3], [], [5]. */
const some = (seed: number): Tensor[] => {
  const values = (size: number) => Float32Array.from({ length: size }, (_, i) => Math.sin(seed + 1.37 * i))
  return [tensor(values(6), [2, 3]), tensor(values(1), []), tensor(values(5))]
}
const read = (tensors: readonly Tensor[]) => tensors.map((x) => [...x.dataSync()])
const rates = { rate: 0.1, beta1: 0.9, beta2: 0.98, eps: 1e-8, decay: 0.05 }

describeBackends('operators over many tensors', () => {
  it('adds and scales as one by one, and owns what it is given', () => {
    const [a, b] = [read(some(1)), read(some(2))]
    const before = memory().numTensors
    const sums = addAll(some(1), some(2))
    expect(memory().numTensors).toBe(before + 3)
    expect(read(sums)).toEqual(a.map((x, i) => x.map((value, j) => Math.fround(value + b[i][j]))))
    const values = read(sums)
    const scaled = scaleAll(sums, 1 / 3)
    expect(read(scaled)).toEqual(values.map((x) => x.map((value) => Math.fround(value * Math.fround(1 / 3)))))
    expect(memory().numTensors).toBe(before + 3)
    for (const x of scaled) x.dispose()
    expect([addAll([], []), scaleAll([], 2)]).toEqual([[], []])
    expect(memory().numTensors).toBe(before)
  })

  it('a tensor that is seen elsewhere keeps its values', () =>
    tidy(() => {
      const [x, y] = [tensor([1, 2, 3, 4], [2, 2]), tensor([1, 1, 1, 1], [2, 2])]
      const turned = transpose(x)
      const same = x.clone()
      expect(read(addAll([x, turned.clone()], [y, y.clone()]))).toEqual([
        [2, 3, 4, 5],
        [2, 4, 3, 5],
      ])
      expect(read([same, turned])).toEqual([
        [1, 2, 3, 4],
        [1, 3, 2, 4],
      ])
    }))

  it.each([0.1, 1, 1e-3, 7])('clips to %f as numbers that were read would', (max) =>
    tidy(() => {
      const norm = globalNorm(some(3))
      const [length] = norm.dataSync()
      const expected = length > max ? some(3).map((x) => mul(x, max / length)) : some(3)
      expect(read(clipAll(some(3), norm, max))).toEqual(read(expected))
    }),
  )

  it('clips nothing of length 0', () =>
    tidy(() => {
      expect(read(clipAll([tensor([0, 0])], scalar(0), 1))).toEqual([[0, 0]])
    }))

  it.each([
    [[1, -2, 3e38], 0],
    [[1, Number.NaN], 1],
    [[Number.POSITIVE_INFINITY], 1],
    [[0, Number.NEGATIVE_INFINITY, 1], 1],
  ])('%j: not finite %i, and for good', (values, expected) =>
    tidy(() => {
      expect([...notFinite(tensor(values)).dataSync()]).toEqual([expected])
      expect([...notFinite(tensor(values), scalar(1)).dataSync()]).toEqual([1])
      expect([...notFinite(tensor([0]), notFinite(tensor(values))).dataSync()]).toEqual([expected])
    }),
  )

  const update = (gradient: Tensor[], skip?: Scalar) => {
    const [parameter, m] = [some(1), some(2)]
    const v = some(3).map((x) => abs(x))
    const next = adamwUpdateAll(
      parameter.map((p, i) => ({ parameter: p, gradient: gradient[i], m: m[i], v: v[i] })),
      rates,
      skip,
    )
    return next.map((each) => read([each.parameter, each.m, each.v]))
  }

  it('AdamW: skips on the word of a scalar, also where gradients are not finite', () =>
    tidy(() => {
      const broken = some(4).map((x) => mul(x, Number.NaN))
      const [p, m, v] = [read(some(1)), read(some(2)), read(some(3).map((x) => abs(x)))]
      expect(update(broken, scalar(1))).toEqual(p.map((_, i) => [p[i], m[i], v[i]]))
      expect(update(some(4), scalar(0))).toEqual(update(some(4)))
      expect(update(some(4))).not.toEqual(update(broken, scalar(1)))
    }))

  it('AdamW: takes gradients that are views', () =>
    tidy(() => {
      const turned = transpose(tensor([...transpose(some(4)[0]).dataSync()], [3, 2]))
      expect(update([turned, ...some(4).slice(1)])).toEqual(update(some(4)))
    }))

  it('moving average: skips on the word of a scalar, and takes values that are views', () =>
    tidy(() => {
      const average = (values: Tensor[], skip?: Scalar) => read(emaAll(some(1), values, 0.9, skip))
      expect(average(some(2), scalar(1))).toEqual(read(some(1)))
      expect(average(some(2), scalar(0))).toEqual(average(some(2)))
      const turned = transpose(tensor([...transpose(some(2)[0]).dataSync()], [3, 2]))
      expect(average([turned, ...some(2).slice(1)])).toEqual(average(some(2)))
    }))
})
