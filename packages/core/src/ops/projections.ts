import { concat, split, type Tensor, type Tensor1D, type Tensor2D } from '@tensorflow/tfjs-core'
import { differentiable, hasNative, native } from './fused.js'
import { linear, linearGradients } from './linear.js'

/**
 * Several linear layers of the same input, whose weights lie side by side.
 * @param x `[..., in]` @param weight `[in, parts * out]` @param bias `[parts * out]` @returns as many of `[..., out]`
 */
export function projections<T extends Tensor>(x: T, weight: Tensor2D, bias: Tensor1D, parts: number): T[] {
  if (!hasNative('UniDiagProjections')) {
    // Where parts are copies, those of the weights are smaller than those of every token.
    const biases = split(bias, parts, 0)
    return split(weight, parts, 1).map((part, i) => linear(x, part as Tensor2D, biases[i] as Tensor1D))
  }
  return differentiable<Tensor[]>(
    { x, weight, bias },
    (save) => {
      save([x, weight])
      return native('UniDiagProjections', { x, weight, bias }, { parts }) as Tensor[]
    },
    (dys, [x, weight], needed) => linearGradients(concat(dys, -1), x, weight, needed),
  ) as T[]
}
