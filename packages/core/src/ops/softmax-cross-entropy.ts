import {
  cast,
  div,
  exp,
  log,
  max,
  mean,
  mul,
  neg,
  oneHot,
  type Scalar,
  scalar,
  sub,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  zeros,
} from '@tensorflow/tfjs-core'
import { differentiable, native } from './fused.js'

/**
 * Mean cross entropy of class indices. No row at all (M = 0) costs 0 and has a zero gradient.
 * @param logits `[M, C]` @param labels `[M]` int32 in [0, C)
 */
export function softmaxCrossEntropy(logits: Tensor2D, labels: Tensor1D): Scalar {
  const [count, classes] = logits.shape
  if (count === 0) {
    return differentiable<Scalar>(
      { logits },
      () => scalar(0),
      () => ({ logits: () => zeros([0, classes]) }),
    )
  }
  return differentiable<Scalar>(
    { logits },
    (save) => {
      const [loss, probabilities] = native('UniDiagCrossEntropy', { logits, labels }) ?? composite(logits, labels)
      save([probabilities, labels])
      return loss as Scalar
    },
    (dy, [probabilities, labels]) => ({
      logits: () => native('UniDiagCrossEntropyGrad', { dy, probabilities, labels })?.[0] ?? compositeGradient(dy, probabilities, labels),
    }),
  )
}

function composite(logits: Tensor2D, labels: Tensor1D): Tensor[] {
  const shifted = sub(logits, max(logits, -1, true))
  const logSum = log(sum(exp(shifted), -1, true))
  const logProbabilities = sub(shifted, logSum)
  const target = cast(oneHot(labels, logits.shape[1]), 'float32')
  return [neg(mean(sum(mul(target, logProbabilities), -1))), exp(logProbabilities)]
}

function compositeGradient(dy: Tensor, probabilities: Tensor, labels: Tensor): Tensor {
  const target = cast(oneHot(labels as Tensor1D, probabilities.shape[1]!), 'float32')
  return mul(sub(probabilities, target), div(dy, labels.shape[0]))
}
