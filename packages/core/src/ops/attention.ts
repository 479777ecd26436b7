import { add, matMul, mul, reshape, softmax, sub, sum, type Tensor, type Tensor2D, type Tensor3D, type Tensor4D, transpose } from '@tensorflow/tfjs-core'
import { differentiable, native } from './fused.js'

export interface AttentionOptions {
  readonly heads: number
  /** `[B, Tk]`, added to the scores of each key. */
  readonly mask?: Tensor2D | undefined
  /** `[B, h, Tq, Tk]`, what dropout multiplies the probabilities by. */
  readonly keep?: Tensor4D | undefined
}

/**
 * Multi-head scaled dot-product attention: softmax(q k^T / sqrt(d / h) + mask) v for each head of width d / h, heads side by side.
 * @param q `[B, Tq, d]` @param k `[B, Tk, d]` @param v `[B, Tk, d]` @returns `[B, Tq, d]`
 */
export function attention(q: Tensor3D, k: Tensor3D, v: Tensor3D, { heads, mask, keep }: AttentionOptions): Tensor3D {
  return differentiable<Tensor3D>(
    { q, k, v },
    (save) => {
      const [y, p] =
        native('UniDiagAttention', { q, k, v, ...(mask && { mask }), ...(keep && { keep }) }, { heads }) ?? composite(q, k, v, { heads, mask, keep })
      // Kernels that keep no probabilities compute them anew from these.
      save([q, k, v, p, y, ...(mask ? [mask] : []), ...(keep ? [keep] : [])])
      return y as Tensor3D
    },
    (dy, [q, k, v, probabilities, y, ...rest]) => {
      const [m, drop] = mask ? rest : [undefined, ...rest]
      const inputs = { dy, q, k, v, y, probabilities, ...(m && { mask: m }), ...(drop && { keep: drop }) }
      const [dq, dk, dv] = native('UniDiagAttentionGrad', inputs, { heads }) ?? compositeGradient(dy, q, k, v, probabilities, drop, heads)
      return { q: () => dq, k: () => dk, v: () => dv }
    },
  )
}

/** Attention probabilities before dropout, `[B, h, Tq, Tk]`. */
export function attentionProbabilities(q: Tensor3D, k: Tensor3D, { heads, mask }: AttentionOptions): Tensor4D {
  const scores = mul(matMul(split(q, heads), splitTransposed(k, heads)), 1 / Math.sqrt(q.shape[2] / heads))
  return softmax(mask ? add(scores, reshape(mask, [mask.shape[0], 1, 1, mask.shape[1]])) : scores) as Tensor4D
}

function composite(q: Tensor3D, k: Tensor3D, v: Tensor3D, options: AttentionOptions): Tensor[] {
  const probabilities = attentionProbabilities(q, k, options)
  const kept = options.keep ? mul(probabilities, options.keep) : probabilities
  return [merge(matMul(kept, split(v, options.heads))), probabilities]
}

function compositeGradient(dy: Tensor, q: Tensor, k: Tensor, v: Tensor, p: Tensor, keep: Tensor | undefined, heads: number): Tensor[] {
  const dOut = split(dy, heads)
  const kept = keep ? mul(p, keep) : p
  const dKept = matMul(dOut, splitTransposed(v, heads))
  const dP = keep ? mul(dKept, keep) : dKept
  const dScores = mul(mul(p, sub(dP, sum(mul(dP, p), -1, true))), 1 / Math.sqrt(q.shape[2]! / heads))
  return [
    merge(matMul(dScores, split(k, heads))),
    merge(matMul(transpose(dScores, [0, 1, 3, 2]), split(q, heads))),
    merge(matMul(transpose(kept, [0, 1, 3, 2]), dOut)),
  ]
}

/** `[B, T, d]` to `[B, h, T, d / h]` */
const split = (x: Tensor, heads: number): Tensor => transpose(reshape(x, [x.shape[0], x.shape[1]!, heads, x.shape[2]! / heads]), [0, 2, 1, 3])
/** `[B, T, d]` to `[B, h, d / h, T]` */
const splitTransposed = (x: Tensor, heads: number): Tensor => transpose(reshape(x, [x.shape[0], x.shape[1]!, heads, x.shape[2]! / heads]), [0, 2, 3, 1])
/** `[B, h, T, d / h]` to `[B, T, d]` */
const merge = (x: Tensor): Tensor => reshape(transpose(x, [0, 2, 1, 3]), [x.shape[0], x.shape[2]!, x.shape[1]! * x.shape[3]!])
