import { add, mean, mul, reshape, rsqrt, square, sub, sum, type Tensor, type Tensor1D } from '@tensorflow/tfjs-core'
import { differentiable, native } from './fused.js'
import { rows } from './linear.js'

/**
 * Layer normalisation over the last axis: (x - mean) / sqrt(var + eps) * weight + bias, with the biased variance.
 * @param x `[..., n]` @param weight `[n]` @param bias `[n]`
 */
export function layerNorm<T extends Tensor>(x: T, weight: Tensor1D, bias: Tensor1D, eps: number): T {
  return differentiable<Tensor>(
    { x, weight, bias },
    (save) => {
      const [y, average, rstd] = native('UniDiagLayerNorm', { x, weight, bias }, { eps }) ?? composite(x, weight, bias, eps)
      save([x, weight, average, rstd])
      return y
    },
    (dy, [x, weight, average, rstd]) => {
      const [dx, dWeight, dBias] = native('UniDiagLayerNormGrad', { dy, x, weight, mean: average, rstd }) ?? compositeGradient(dy, x, weight, average, rstd)
      return { x: () => dx, weight: () => dWeight, bias: () => dBias }
    },
  ) as T
}

function composite(x: Tensor, weight: Tensor1D, bias: Tensor1D, eps: number): Tensor[] {
  const average = mean(x, -1, true)
  const centred = sub(x, average)
  const rstd = rsqrt(add(mean(square(centred), -1, true), eps))
  return [add(mul(mul(centred, rstd), weight), bias), average, rstd]
}

function compositeGradient(dy: Tensor, x: Tensor, weight: Tensor, average: Tensor, rstd: Tensor): Tensor[] {
  const eachRow = [...x.shape.slice(0, -1), 1]
  const scale = reshape(rstd, eachRow)
  const normal = mul(sub(x, reshape(average, eachRow)), scale)
  const dNormal = mul(dy, weight)
  const along = mul(normal, mean(mul(dNormal, normal), -1, true))
  return [mul(sub(sub(dNormal, mean(dNormal, -1, true)), along), scale), sum(rows(mul(dy, normal)), 0), sum(rows(dy), 0)]
}
