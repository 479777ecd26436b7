import {
  add,
  div,
  exp,
  less,
  matMul,
  minimum,
  mul,
  range,
  relu,
  type Scalar,
  sqrt,
  square,
  sum,
  type Tensor1D,
  type Tensor2D,
  transpose,
  where,
} from '@tensorflow/tfjs-core'
import { differentiable } from '@unidiag/core/ops/fused'
import { softmaxCrossEntropy } from '@unidiag/core/ops/softmax-cross-entropy'

/** Keeps the direction of a vector of length 0 finite. */
const EPSILON = 1e-12

/** What an excluded pair adds to its logit. */
const NEVER = -1e9

export interface ContrastiveInputs {
  /** `[B, d]`, of any length; row i of both belongs together. */
  readonly image: Tensor2D
  readonly text: Tensor2D
  /** log(1 / temperature) */
  readonly logScale: Scalar
  /** `[B, B]` image by text, 1 = is neither a match nor a negative. */
  readonly excluded?: Tensor2D | undefined
}

/**
 * The contrastive kernel (symmetric InfoNCE, CLIP): each image has to find its text among those of the batch, and each text its image.
 * ln(1 + (B - 1) exp(-1 / temperature)) when pairs agree and all else is orthogonal, ln B when everything is alike.
 */
export function contrastiveLoss({ image, text, logScale, excluded }: ContrastiveInputs): Scalar {
  const scaled = mul(matMul(unit(image), transpose(unit(text))), exp(logScale)) as Tensor2D
  const logits: Tensor2D = excluded ? add(scaled, mul(excluded, NEVER)) : scaled
  const own = range(0, image.shape[0], 1, 'int32') as Tensor1D
  return mul(add(softmaxCrossEntropy(logits, own), softmaxCrossEntropy(transpose(logits), own)), 0.5)
}

/** Rows of length 1. */
export const unit = (x: Tensor2D): Tensor2D => div(x, sqrt(add(sum(square(x), -1, true), EPSILON)))

/**
 * x, or `max` where x is above. There a gradient that would raise x is dropped, and one that lowers it passes: the same as clamping the parameter after its
 * updates, and unlike a plain minimum no end to learning.
 */
export function atMost(x: Scalar, max: number): Scalar {
  return differentiable<Scalar>(
    { x },
    (save) => {
      save([x])
      return minimum(x, max)
    },
    (dy, [x]) => ({ x: () => where(less(x, max), dy, relu(dy)) }),
  )
}
