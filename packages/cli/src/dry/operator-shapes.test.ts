import * as tf from '@tensorflow/tfjs-core'
import { startBackend } from '@unidiag/core/backend/backend'
import { attention } from '@unidiag/core/ops/attention'
import { embedding } from '@unidiag/core/ops/embedding'
import { gatherRows } from '@unidiag/core/ops/gather-rows'
import { gelu } from '@unidiag/core/ops/gelu'
import { layerNorm } from '@unidiag/core/ops/layer-norm'
import { linear } from '@unidiag/core/ops/linear'
import { softmaxCrossEntropy } from '@unidiag/core/ops/softmax-cross-entropy'
import { beforeAll, describe, expect, it } from 'vitest'
import { type ShapeBackend, startShapeBackend } from './shape-backend.js'

const x = () =>
  tf.tensor(
    new Float32Array(24).map((_, i) => i / 24),
    [2, 3, 4],
  )
const m = (rows: number, columns: number) => tf.tensor2d(new Float32Array(rows * columns).fill(0.5), [rows, columns])
const v = (n: number) => tf.tensor1d(new Float32Array(n).fill(0.5))
const ids = (n: number) => tf.tensor1d(new Int32Array(n).fill(1), 'int32')

type Make = () => tf.TensorContainer
const operators: Record<string, Make> = {
  'binary operators': () => [tf.add(x(), v(4)), tf.sub(1, x()), tf.div(x(), 2), tf.maximum(x(), 0.5), tf.squaredDifference(x(), v(1))],
  comparisons: () => [
    tf.equal(x(), 0),
    tf.greater(x(), v(4)),
    tf.logicalNot(tf.less(x(), 1)),
    tf.isNaN(x()),
    tf.where(tf.less(x(), 1), x(), tf.zerosLike(x())),
  ],
  'unary operators': () => [tf.exp(x()), tf.cast(x(), 'int32'), tf.clipByValue(x(), 0, 1), tf.softmax(x()), tf.logSoftmax(x()), tf.onesLike(x())],
  reductions: () => [tf.sum(x(), 1), tf.mean(x(), -1, true), tf.max(x()), tf.argMax(x(), 1), tf.sum(x(), [0, 2])],
  views: () => [tf.reshape(x(), [-1, 4]), tf.expandDims(x(), 1), tf.expandDims(x(), -1), tf.squeeze(tf.ones([2, 1, 3])), tf.transpose(x(), [0, 2, 1])],
  parts: () => [
    tf.slice(x(), [0, 1, 0], [2, 1, -1]),
    tf.split(x(), 3, 1),
    tf.split(x(), [1, 3], 2),
    tf.unstack(x(), 1),
    tf.stridedSlice(x(), [0, 0, 0], [2, 3, 4], [1, 2, 2]),
  ],
  joins: () => [
    tf.concat([x(), x()], 1),
    tf.stack([x(), x()], 1),
    tf.tile(x(), [1, 2, 1]),
    tf.pad(x(), [
      [0, 0],
      [1, 2],
      [0, 0],
    ]),
    tf.addN([x(), x()]),
  ],
  gathering: () => [
    tf.gather(m(5, 4), ids(3)),
    tf.gather(x(), ids(2), 1),
    tf.unsortedSegmentSum(m(3, 4), ids(3), 5),
    tf.oneHot(ids(3), 6),
    Object.values(tf.topk(x(), 2)),
  ],
  sources: () => [tf.fill([2, 3], 1), tf.fill([2], 1, 'int32'), tf.range(0, 7, 2, 'int32'), tf.linspace(0, 1, 5), tf.cumsum(x(), 1)],
  products: () => [tf.matMul(m(2, 3), m(3, 4)), tf.matMul(m(3, 2), m(4, 3), true, true), tf.matMul(x() as tf.Tensor3D, tf.ones([2, 4, 5]) as tf.Tensor3D)],
}

const layers: Record<string, Make> = {
  linear: () => Object.values(tf.grads((x, w, b) => linear(x, w as tf.Tensor2D, b as tf.Tensor1D))([x(), m(4, 5), v(5)])),
  layerNorm: () => Object.values(tf.grads((x, w, b) => layerNorm(x, w as tf.Tensor1D, b as tf.Tensor1D, 1e-5))([x(), v(4), v(4)])),
  gelu: () => tf.grad((x) => gelu(x))(x()),
  attention: () => {
    const run = (...[q, k, v]: tf.Tensor[]) => attention(q as tf.Tensor3D, k as tf.Tensor3D, v as tf.Tensor3D, { heads: 2, mask: tf.zeros([2, 5]) })
    return Object.values(tf.grads(run)([x(), tf.ones([2, 5, 4]), tf.ones([2, 5, 4])]))
  },
  gatherRows: () => tf.grad((x) => gatherRows(x as tf.Tensor3D, tf.ones([2, 2], 'int32')))(x()),
  embedding: () => tf.grad((w) => embedding(w as tf.Tensor2D, tf.ones([2, 3], 'int32'), 1))(m(6, 4)),
  softmaxCrossEntropy: () => tf.grad((x) => softmaxCrossEntropy(x as tf.Tensor2D, ids(3)))(m(3, 5)),
}

const shapesOf = (made: tf.TensorContainer): unknown =>
  made instanceof tf.Tensor ? { shape: made.shape, dtype: made.dtype } : (made as tf.TensorContainer[]).map(shapesOf)

describe('an engine without values', () => {
  let engine: ShapeBackend
  beforeAll(async () => {
    await startBackend('cpu')
    engine = await startShapeBackend()
  })

  it.each(Object.entries({ ...operators, ...layers }))('gives the shapes of a real one: %s', async (_, make) => {
    await tf.setBackend('cpu')
    const expected = shapesOf(make())
    await tf.setBackend('shapes')
    expect(shapesOf(make())).toEqual(expected)
  })

  it('counts products, forth and back, and bytes while they are alive', async () => {
    await tf.setBackend('shapes')
    const [a, b] = [m(8, 16), m(16, 32)]
    engine.reset()
    const { live } = engine
    tf.dispose(tf.grads((a, b) => linear(a, b as tf.Tensor2D))([a, b]))
    const product = 2 * 8 * 16 * 32
    expect(engine.flops).toEqual({ recorded: product, unrecorded: 0, backward: 2 * product })
    expect(engine.live).toBe(live)
    // The output, its gradient of ones, and the gradients of both inputs.
    expect(engine.peak - live).toBe(4 * (2 * 8 * 32 + 8 * 16 + 16 * 32))
    engine.reset()
    tf.dispose(attention(tf.ones([2, 3, 8]), tf.ones([2, 5, 8]), tf.ones([2, 5, 8]), { heads: 2 }))
    expect(engine.flops).toEqual({ recorded: 0, unrecorded: 2 * (2 * 2 * 3 * 5 * 8), backward: 0 })
    expect(a.dataSync()[0]).toBe(1)
  })
})
