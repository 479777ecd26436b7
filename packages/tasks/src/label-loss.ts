import {
  cast,
  div,
  equal,
  logSoftmax,
  maximum,
  mul,
  neg,
  range,
  reshape,
  type Scalar,
  softmax,
  sum,
  type Tensor1D,
  type Tensor2D,
  tidy,
} from '@tensorflow/tfjs-core'

/** Mean cross-entropy over the rows that have a label; 0 when none has. @param logits `[B, V]` @param label `[B]` int32, -1 for none */
export function crossEntropyOfLabels(logits: Tensor2D, label: Tensor1D): Scalar {
  return tidy(() => {
    const target = targets(logits, label)
    return neg(div(sum(mul(target, logSoftmax(logits))), maximum(sum(target), 1))) as Scalar
  })
}

/** softmax(logits)[label] `[B]`; 0 where there is no label. */
export function probabilityOfLabels(logits: Tensor2D, label: Tensor1D): Tensor1D {
  return tidy(() => sum(mul(softmax(logits), targets(logits, label)), 1) as Tensor1D)
}

/** `[B, V]`: 1 at the label; a row of zeros where there is none. (`oneHot` refuses a V of 1.) */
function targets(logits: Tensor2D, label: Tensor1D): Tensor2D {
  return cast(equal(reshape(label, [-1, 1]), range(0, logits.shape[1], 1, 'int32')), 'float32')
}
