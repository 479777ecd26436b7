import { add, div, mean, sqrt, square, sub, sum, type Tensor3D, type Tensor4D } from '@tensorflow/tfjs-core'
import { noGrad } from '@unidiag/core/nn/no-grad'
import { patchify } from '@unidiag/core/ops/patchify'

/** Keeps the standardisation of a flat patch finite (reference: prediction_heads.py). */
const EPSILON = 1e-6

/**
 * Pixels as a reconstruction target.
 * @param image `[B, H, W, 3]`
 * @param normalise standardise every patch with its own mean and unbiased variance (`normPixLoss`)
 * @returns `[B, N, p * p * 3]`, each patch in (row, column, channel) order
 */
export function pixelTarget(image: Tensor4D, patchSize: number, normalise: boolean): Tensor3D {
  return noGrad(() => {
    const patches = patchify(image, patchSize)
    if (!normalise) return patches
    const centred = sub(patches, mean(patches, -1, true))
    const variance = div(sum(square(centred), -1, true), patches.shape[2] - 1)
    return div(centred, sqrt(add(variance, EPSILON))) as Tensor3D
  })
}
