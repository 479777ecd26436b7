import { add, matMul, reshape, sum, type Tensor, type Tensor1D, type Tensor2D, transpose } from '@tensorflow/tfjs-core'
import { differentiable, native } from './fused.js'

/**
 * x W + b over the last axis.
 * The gradient transposes explicitly: a matmul with a transpose flag leaves the fast path of many backends.
 * @param x `[..., in]` @param weight `[in, out]` @param bias `[out]` @returns `[..., out]`
 */
export function linear<T extends Tensor>(x: T, weight: Tensor2D, bias?: Tensor1D): T {
  return differentiable<Tensor>(
    { x, weight, ...(bias && { bias }) },
    (save) => {
      save([x, weight])
      return native('UniDiagLinear', { x, weight, ...(bias && { bias }) })?.[0] ?? composite(x, weight, bias)
    },
    (dy, [x, weight], needed) => linearGradients(dy, x, weight, needed),
  ) as T
}

/** @param needed some of x, weight and bias */
export function linearGradients(dy: Tensor, x: Tensor, weight: Tensor, needed: readonly string[]): Record<string, () => Tensor> {
  const found = native('UniDiagLinearGrad', { dy, x, weight }, { needed: needed as string[] })
  if (found) return Object.fromEntries(needed.map((name, i) => [name, () => found[i]]))
  return {
    x: () => reshape(matMul(rows(dy), transpose(weight)), x.shape),
    weight: () => matMul(transpose(rows(x)), rows(dy)),
    bias: () => sum(rows(dy), 0),
  }
}

function composite(x: Tensor, weight: Tensor2D, bias?: Tensor1D): Tensor {
  const product = matMul(rows(x), weight)
  return reshape(bias ? add(product, bias) : product, [...x.shape.slice(0, -1), weight.shape[1]])
}

/** `[..., n]` as `[M, n]`. */
export const rows = (x: Tensor): Tensor2D => reshape(x, [-1, x.shape.at(-1) as number])
