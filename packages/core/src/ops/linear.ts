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
    (dy, [x, weight]) => linearGradients(dy, x, weight),
  ) as T
}

export const linearGradients = (dy: Tensor, x: Tensor, weight: Tensor): Record<'x' | 'weight' | 'bias', () => Tensor> => ({
  x: () => native('UniDiagLinearGradX', { dy, weight })?.[0] ?? reshape(matMul(rows(dy), transpose(weight)), x.shape),
  weight: () => native('UniDiagLinearGradWeight', { x, dy })?.[0] ?? matMul(transpose(rows(x)), rows(dy)),
  bias: () => columnSum(dy),
})

function composite(x: Tensor, weight: Tensor2D, bias?: Tensor1D): Tensor {
  const product = matMul(rows(x), weight)
  return reshape(bias ? add(product, bias) : product, [...x.shape.slice(0, -1), weight.shape[1]])
}

/** `[..., n]` as `[M, n]`. */
export const rows = (x: Tensor): Tensor2D => reshape(x, [-1, x.shape.at(-1) as number])

/** Sum over all axes but the last. @param x `[..., n]` @returns `[n]` */
export const columnSum = (x: Tensor): Tensor => native('UniDiagColumnSum', { x })?.[0] ?? sum(rows(x), 0)
