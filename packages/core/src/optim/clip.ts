import { mul } from '@tensorflow/tfjs-core'
import type { Gradients } from '../contracts/gradient-transform.js'
import { globalNorm } from '../ops/global-norm.js'

/**
 * Scales all gradients together so that their L2 norm is at most `max`. Replaced tensors are disposed.
 * @returns the norm before clipping
 */
export function clipByGlobalNorm(gradients: Gradients, max: number): number {
  const norm = globalNorm(gradients.values())
  if (norm > max) {
    for (const [name, gradient] of gradients) {
      gradients.set(name, mul(gradient, max / norm))
      gradient.dispose()
    }
  }
  return norm
}
