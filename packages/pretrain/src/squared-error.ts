import { div, mean, mul, type Scalar, square, sub, sum, type Tensor2D, type Tensor3D } from '@tensorflow/tfjs-core'

/**
 * The masked-prediction loss that every continuous target shares: the mean over a place's vector, then over places of the whole batch.
 * @param prediction `[B, N, D]` @param target `[B, N, D]`
 * @param where `[B, N]` 1 = counts, 0 = does not; every place when left out
 */
export function squaredError(prediction: Tensor3D, target: Tensor3D, where?: Tensor2D): Scalar {
  const error = square(sub(prediction, target))
  if (!where) return mean(error)
  return div(sum(mul(mean(error, -1), where)), sum(where))
}
