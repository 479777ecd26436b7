import type { Tensor3D, Tensor4D } from '@tensorflow/tfjs-core'
import { noGrad } from '@unidiag/core/nn/no-grad'
import { patchify } from '@unidiag/core/ops/patchify'
import { standardised } from './standardised.js'

/**
 * Pixels as a reconstruction target.
 * @param image `[B, H, W, 3]`
 * @param normalise standardise every patch with its own mean and unbiased variance (`normPixLoss`)
 * @returns `[B, N, p * p * 3]`, each patch in (row, column, channel) order
 */
export function pixelTarget(image: Tensor4D, patchSize: number, normalise: boolean): Tensor3D {
  return noGrad(() => {
    const patches = patchify(image, patchSize)
    return normalise ? standardised(patches) : patches
  })
}
