import { cast, gather, mul, notEqual, range, reshape, type Tensor, type Tensor1D, type Tensor2D, unsortedSegmentSum } from '@tensorflow/tfjs-core'
import { differentiable, native } from './fused.js'
import { rows } from './linear.js'

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
      save([ids])
      return native('UniDiagEmbedding', { weight, ids })?.[0] ?? reshape(gather(weight, flat(ids)), [...ids.shape, width])
    },
    (dy, [ids]) => ({ weight: () => native('UniDiagEmbeddingGrad', { dy, ids }, { count, padIndex })?.[0] ?? compositeGradient(dy, ids, count, padIndex) }),
  )
}

function compositeGradient(dy: Tensor, ids: Tensor, count: number, padIndex: number): Tensor {
  const summed = unsortedSegmentSum(rows(dy), flat(ids), count)
  if (padIndex < 0) return summed
  return mul(summed, reshape(cast(notEqual(range(0, count, 1, 'int32'), padIndex), 'float32'), [-1, 1]))
}

const flat = (ids: Tensor): Tensor1D => reshape(ids, [-1])
