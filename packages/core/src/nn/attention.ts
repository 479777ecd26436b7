import { mul, sub, type Tensor2D } from '@tensorflow/tfjs-core'
import { noGrad } from './no-grad.js'

/**
 * What is added to the attention scores of each key so that padding is not attended to: (1 - mask) * -10000. Gets no gradient.
 * @param mask `[B, L]` 1 = real token, 0 = padding @returns `[B, L]`
 */
export const additiveMask = (mask: Tensor2D): Tensor2D => noGrad(() => mul(sub(1, mask), -10000))
