import { add, div, mean, sqrt, square, sub, sum, type Tensor3D } from '@tensorflow/tfjs-core'

/** Keeps the standardisation of a flat vector finite (reference: prediction_heads.py). */
const EPSILON = 1e-6

/** Every vector with its own mean and unbiased variance taken out. @param x `[B, N, D]` */
export function standardised(x: Tensor3D): Tensor3D {
  const centred = sub(x, mean(x, -1, true))
  const variance = div(sum(square(centred), -1, true), x.shape[2] - 1)
  return div(centred, sqrt(add(variance, EPSILON)))
}
