import type { Scalar } from '@tensorflow/tfjs-core'
import type { Gradients } from '../contracts/gradient-transform.js'
import { globalNorm } from '../ops/global-norm.js'
import { clipAll } from '../ops/scale-all.js'

/**
 * Scales all gradients together so that their L2 norm is at most `max`. Replaced tensors are disposed.
 * @returns the norm before clipping
 */
export function clipByGlobalNorm(gradients: Gradients, max: number): Scalar {
  const norm = globalNorm(gradients.values())
  const clipped = clipAll([...gradients.values()], norm, max)
  for (const [i, name] of [...gradients.keys()].entries()) gradients.set(name, clipped[i])
  return norm
}
