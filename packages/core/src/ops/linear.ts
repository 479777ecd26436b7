import { add, matMul, reshape, sum, type Tensor, type Tensor1D, type Tensor2D, transpose } from '@tensorflow/tfjs-core'
import { differentiable, native } from './fused.js'

/**
 * x W + b over the last axis.
 * The gradient transposes explicitly: a matmul with a transpose flag leaves the fast path of the wasm backend.
 * @param x `[..., in]` @param weight `[in, out]` @param bias `[out]` @returns `[..., out]`
 */
export function linear<T extends Tensor>(x: T, weight: Tensor2D, bias?: Tensor1D): T {
  const [inWidth, outWidth] = weight.shape
  const outShape = [...x.shape.slice(0, -1), outWidth]
  return differentiable<Tensor>(
    { x, weight, ...(bias && { bias }) },
    (save) => {
      const rows = reshape(x, [-1, inWidth]) as Tensor2D
      const y = native('UniDiagLinear', { x: rows, weight, ...(bias && { bias }) })?.[0] ?? composite(rows, weight, bias)
      save([rows, weight])
      return reshape(y, outShape)
    },
    (dy, [rows, w]) => {
      const dRows = reshape(dy, [-1, outWidth]) as Tensor2D
      return {
        x: () => reshape(native('UniDiagLinearGradX', { dy: dRows, weight: w })?.[0] ?? matMul(dRows, transpose(w)), x.shape),
        weight: () => native('UniDiagLinearGradWeight', { x: rows, dy: dRows })?.[0] ?? matMul(transpose(rows), dRows),
        bias: () => columnSum(dRows),
      }
    },
  ) as T
}

const composite = (x: Tensor2D, weight: Tensor2D, bias?: Tensor1D): Tensor => (bias ? add(matMul(x, weight), bias) : matMul(x, weight))

/** Sum over rows. @param x `[M, n]` @returns `[n]` */
export const columnSum = (x: Tensor2D): Tensor => native('UniDiagColumnSum', { x })?.[0] ?? sum(x, 0)
