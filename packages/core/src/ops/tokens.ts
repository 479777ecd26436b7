import { add, concat, reshape, slice, sum, type Tensor, type Tensor1D, type Tensor3D, zeros } from '@tensorflow/tfjs-core'
import { differentiable } from './fused.js'

/** Joins token sequences. @param parts `[B, N_i, d]` @returns `[B, sum N_i, d]` */
export const concatTokens = (...parts: Tensor3D[]): Tensor3D => concat(parts, 1)

/** Tokens `from`, ..., `from + count - 1`. @param x `[B, N, d]` @returns `[B, count, d]`, to the last token when `count` is left out */
export const sliceTokens = (x: Tensor3D, from: number, count = x.shape[1] - from): Tensor3D =>
  slice(x, [0, from, 0], [x.shape[0], count, x.shape[2]]) as Tensor3D

/** One learned token at `count` places of each sample. @param token any shape of `d` elements @returns `[B, count, d]` */
export function repeatToken(token: Tensor, batch: number, count = 1): Tensor3D {
  const width = token.size
  return differentiable<Tensor3D>(
    { token },
    () => add(zeros([batch, count, width]), reshape(token, [width]) as Tensor1D),
    (dy) => ({ token: () => reshape(sum(reshape(dy, [batch * count, width]), 0), token.shape) }),
  )
}
