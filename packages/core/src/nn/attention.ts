import { mul, reshape, sub, type Tensor, type Tensor2D, type Tensor3D, type Tensor4D } from '@tensorflow/tfjs-core'
import { attention, attentionProbabilities } from '../ops/attention.js'
import { keepMask } from '../ops/dropout.js'
import type { Forward } from './forward.js'
import { noGrad } from './no-grad.js'

/**
 * What is added to attention scores so that padding is not attended to: (1 - mask) * -10000.
 * @param mask `[B, L]` 1 = real token, 0 = padding @returns `[B, 1, 1, L]`
 */
export const additiveMask = (mask: Tensor2D): Tensor4D => reshape(mul(sub(1, mask), -10000), [mask.shape[0], 1, 1, mask.shape[1]])

export interface AttendOptions {
  readonly heads: number
  /** `[B, 1, 1, Tk]` of `additiveMask`; gets no gradient. */
  readonly mask?: Tensor | undefined
  /** Dropout of the attention probabilities. */
  readonly dropout?: number
  readonly forward: Forward
  /** Name under which the probabilities `[B, h, Tq, Tk]` are shown to the pass. */
  readonly tapName?: string | undefined
}

/** Multi-head attention of projected queries, keys and values. @param q `[B, Tq, d]` @param k `[B, Tk, d]` @param v `[B, Tk, d]` @returns `[B, Tq, d]` */
export function attend(q: Tensor3D, k: Tensor3D, v: Tensor3D, o: AttendOptions): Tensor3D {
  const [batch, queries] = q.shape
  const keys = k.shape[1]
  const mask = o.mask && (reshape(o.mask, [batch, keys]) as Tensor2D)
  if (o.tapName && o.forward.tapped) {
    o.forward.tap(
      o.tapName,
      noGrad(() => attentionProbabilities(q, k, { heads: o.heads, mask })),
    )
  }
  const keep = keepMask([batch, o.heads, queries, keys], o.dropout ?? 0, o.forward) as Tensor4D | undefined
  return attention(q, k, v, { heads: o.heads, mask, keep })
}
