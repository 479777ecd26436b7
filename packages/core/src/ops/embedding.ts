import { cast, gather, mul, notEqual, range, reshape, type Tensor, type Tensor1D, type Tensor2D, unsortedSegmentSum } from '@tensorflow/tfjs-core'
import { differentiable, native } from './fused.js'

/**
 * Rows of a table.
 * @param weight `[count, d]` @param ids int32 of any shape @param padIndex row that gets no gradient
 * @returns `[...ids.shape, d]`
 */
export function embedding(weight: Tensor2D, ids: Tensor, padIndex = -1): Tensor {
  const [count, width] = weight.shape
  return differentiable<Tensor>(
    { weight },
    (save) => {
      const flat = reshape(ids, [-1]) as Tensor1D
      save([flat])
      const rows = native('UniDiagGatherRows', { x: reshape(weight, [1, count, width]), index: reshape(ids, [1, -1]) })?.[0] ?? gather(weight, flat)
      return reshape(rows, [...ids.shape, width])
    },
    (dy, [flat]) => ({
      weight: () => {
        const dRows = reshape(dy, [-1, width])
        return native('UniDiagEmbeddingGrad', { dy: dRows, ids: flat }, { count, padIndex })?.[0] ?? compositeGradient(dRows, flat as Tensor1D, count, padIndex)
      },
    }),
  )
}

function compositeGradient(dy: Tensor, ids: Tensor1D, count: number, padIndex: number): Tensor {
  const summed = unsortedSegmentSum(dy, ids, count)
  if (padIndex < 0) return summed
  return mul(summed, reshape(cast(notEqual(range(0, count, 1, 'int32'), padIndex), 'float32'), [-1, 1]))
}
