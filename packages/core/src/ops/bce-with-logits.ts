import { abs, add, exp, log1p, mul, neg, relu, sigmoid, sub, type Tensor } from '@tensorflow/tfjs-core'
import { differentiable } from './fused.js'

/**
 * Binary cross entropy of each element, -t log s(x) - (1 - t) log(1 - s(x)), in the form that does not overflow. Targets get no gradient.
 * @param logits x @param targets t in [0, 1], same shape
 */
export function bceWithLogits<T extends Tensor>(logits: T, targets: Tensor): T {
  return differentiable<Tensor>(
    { logits },
    (save) => {
      save([logits, targets])
      return add(sub(relu(logits), mul(logits, targets)), log1p(exp(neg(abs(logits)))))
    },
    (dy, [logits, targets]) => ({ logits: () => mul(dy, sub(sigmoid(logits), targets)) }),
  ) as T
}
