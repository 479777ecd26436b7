import { add, gather, range, reshape, type Tensor, type Tensor1D, type Tensor2D, type Tensor3D, unsortedSegmentSum } from '@tensorflow/tfjs-core'
import { differentiable, native } from './fused.js'

/**
 * For each sample, rows of its matrix in the order of `index`; an index may repeat.
 * @param x `[B, N, d]` @param index `[B, K]` int32 @returns `[B, K, d]`
 */
export function gatherRows(x: Tensor3D, index: Tensor2D): Tensor3D {
  const [batch, count, width] = x.shape
  const rows = index.shape[1]
  return differentiable<Tensor3D>(
    { x },
    (save) => {
      save([index])
      const [found] = native('UniDiagGatherRows', { x, index }) ?? [gather(reshape(x, [batch * count, width]), flatIndex(index, count))]
      return reshape(found, [batch, rows, width])
    },
    (dy, [index]) => ({
      x: () => {
        const dx =
          native('UniDiagGatherRowsGrad', { dy, index }, { rows: count })?.[0] ??
          unsortedSegmentSum(reshape(dy, [batch * rows, width]), flatIndex(index, count), batch * count)
        return reshape(dx, [batch, count, width])
      },
    }),
  )
}

/** Row numbers in the matrices of all samples stacked. */
function flatIndex(index: Tensor, count: number): Tensor1D {
  const offsets = reshape(range(0, index.shape[0] * count, count, 'int32'), [-1, 1])
  return reshape(add(index, offsets), [-1]) as Tensor1D
}
