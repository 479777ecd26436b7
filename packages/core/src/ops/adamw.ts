import { add, clone, div, mul, type Scalar, sqrt, square, sub, type Tensor, tidy } from '@tensorflow/tfjs-core'
import { native } from './fused.js'

export interface AdamWInputs {
  readonly parameter: Tensor
  readonly gradient: Tensor
  /** Running mean of the gradient, and of its square. */
  readonly m: Tensor
  readonly v: Tensor
}

export interface AdamWRates {
  /** Learning rate times sqrt(1 - beta2^t) / (1 - beta1^t). */
  readonly rate: number
  readonly beta1: number
  readonly beta2: number
  readonly eps: number
  /** What is taken off after the update, relative to the updated value: learning rate times weight decay. */
  readonly decay: number
}

/**
 * One AdamW update of one parameter, as new tensors:
 * m' = b1 m + (1 - b1) g; v' = b2 v + (1 - b2) g^2; u = p - rate m' / (sqrt v' + eps); p' = u - decay u.
 */
export function adamwUpdate(inputs: AdamWInputs, rates: AdamWRates): { parameter: Tensor; m: Tensor; v: Tensor } {
  const [parameter, m, v] = native('UniDiagAdamW', { ...inputs }, { ...rates }) ?? tidy(() => composite(inputs, rates))
  return { parameter, m, v }
}

/**
 * The same for many parameters with the same rates, in their order. The old values are given away: the caller disposes of them at once and
 * reads none of them again.
 * @param skip where this is 1, the new values are the old ones
 */
export function adamwUpdateAll(inputs: readonly AdamWInputs[], rates: AdamWRates, skip?: Scalar): { parameter: Tensor; m: Tensor; v: Tensor }[] {
  const list = (key: keyof AdamWInputs) => inputs.map((input) => input[key])
  const all = { parameter: list('parameter'), gradient: list('gradient'), m: list('m'), v: list('v') }
  const found = native('UniDiagAdamWAll', { ...all, skip }, { ...rates })
  if (!found && skip?.dataSync()[0]) return inputs.map(({ parameter, m, v }) => ({ parameter: clone(parameter), m: clone(m), v: clone(v) }))
  if (!found) return inputs.map((input) => adamwUpdate(input, rates))
  return inputs.map((_, i) => ({ parameter: found[3 * i], m: found[3 * i + 1], v: found[3 * i + 2] }))
}

function composite({ parameter, gradient, m, v }: AdamWInputs, { rate, beta1, beta2, eps, decay }: AdamWRates): Tensor[] {
  const mNext = add(mul(m, beta1), mul(gradient, 1 - beta1))
  const vNext = add(mul(v, beta2), mul(square(gradient), 1 - beta2))
  const updated = sub(parameter, div(mul(mNext, rate), add(sqrt(vNext), eps)))
  return [mul(updated, 1 - decay), mNext, vNext]
}
