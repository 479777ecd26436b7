import { add, erf, exp, mul, sigmoid, square, sub, type Tensor } from '@tensorflow/tfjs-core'
import { differentiable, native } from './fused.js'

/** Exact GELU: x Phi(x) = x (1 + erf(x / sqrt 2)) / 2. */
export function gelu<T extends Tensor>(x: T): T {
  return differentiable<Tensor>(
    { x },
    (save) => {
      save([x])
      return native('UniDiagGelu', { x })?.[0] ?? mul(x, cumulative(x))
    },
    (dy, [x]) => ({ x: () => native('UniDiagGeluGrad', { dy, x })?.[0] ?? mul(dy, add(cumulative(x), mul(x, density(x)))) }),
  ) as T
}

const cumulative = (x: Tensor): Tensor => mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5)
const density = (x: Tensor): Tensor => mul(exp(mul(square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI))

/** CLIP's approximation of GELU: x sigmoid(1.702 x). */
export function quickGelu<T extends Tensor>(x: T): T {
  return differentiable<Tensor>(
    { x },
    (save) => {
      save([x])
      return native('UniDiagQuickGelu', { x })?.[0] ?? mul(x, sigmoid(mul(x, 1.702)))
    },
    (dy, [x]) => ({ x: () => native('UniDiagQuickGeluGrad', { dy, x })?.[0] ?? quickGradient(dy, x) }),
  ) as T
}

function quickGradient(dy: Tensor, x: Tensor): Tensor {
  const s = sigmoid(mul(x, 1.702))
  return mul(dy, mul(s, add(mul(mul(x, 1.702), sub(1, s)), 1)))
}
