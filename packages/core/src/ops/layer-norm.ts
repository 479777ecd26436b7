import { add, mean, mul, reshape, rsqrt, square, sub, sum, type Tensor, type Tensor1D, type Tensor2D } from '@tensorflow/tfjs-core'
import { differentiable, native } from './fused.js'

/**
 * Layer normalisation over the last axis: (x - mean) / sqrt(var + eps) * weight + bias, with the biased variance.
 * @param x `[..., n]` @param weight `[n]` @param bias `[n]`
 */
export function layerNorm<T extends Tensor>(x: T, weight: Tensor1D, bias: Tensor1D, eps: number): T {
  const width = weight.shape[0]
  return differentiable<Tensor>(
    { x, weight, bias },
    (save) => {
      const rows = reshape(x, [-1, width]) as Tensor2D
      const [y, average, rstd] = native('UniDiagLayerNorm', { x: rows, weight, bias }, { eps }) ?? composite(rows, weight, bias, eps)
      save([rows, weight, average, rstd])
      return reshape(y, x.shape)
    },
    (dy, [rows, w, average, rstd]) => {
      const dRows = reshape(dy, [-1, width])
      const [dx, dWeight, dBias] =
        native('UniDiagLayerNormGrad', { dy: dRows, x: rows, weight: w, mean: average, rstd }) ?? compositeGradient(dRows, rows, w, average, rstd)
      return { x: () => reshape(dx, x.shape), weight: () => dWeight, bias: () => dBias }
    },
  ) as T
}

function composite(x: Tensor2D, weight: Tensor1D, bias: Tensor1D, eps: number): Tensor[] {
  const average = mean(x, 1, true)
  const centred = sub(x, average)
  const rstd = rsqrt(add(mean(square(centred), 1, true), eps))
  return [add(mul(mul(centred, rstd), weight), bias), reshape(average, [-1]), reshape(rstd, [-1])]
}

function compositeGradient(dy: Tensor, x: Tensor, weight: Tensor, average: Tensor, rstd: Tensor): Tensor[] {
  const scale = reshape(rstd, [-1, 1])
  const normal = mul(sub(x, reshape(average, [-1, 1])), scale)
  const dNormal = mul(dy, weight)
  const along = mul(normal, mean(mul(dNormal, normal), 1, true))
  return [mul(sub(sub(dNormal, mean(dNormal, 1, true)), along), scale), sum(mul(dy, normal), 0), sum(dy, 0)]
}
