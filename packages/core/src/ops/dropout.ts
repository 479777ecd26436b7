import { mul, type Tensor, tensor, util } from '@tensorflow/tfjs-core'
import type { Forward } from '../nn/forward.js'
import { differentiable, native } from './fused.js'
import { drawOnHost } from './host-random.js'

/**
 * What dropout multiplies by: 0 with probability `rate` (to a 65536th), else 1 / (1 - rate). Drawn from the counter-based random numbers of the pass:
 * sixteen values come from the Threefry blocks 4 g .. 4 g + 3, so that four blocks can be computed side by side: the low halves of their first words,
 * the high halves, then the same of their second words.
 * @returns undefined when the pass drops nothing
 */
export function keepMask(shape: readonly number[], rate: number, forward: Forward): Tensor | undefined {
  if (!forward.training || rate === 0) return undefined
  const [key0, key1] = forward.nextRng().key
  const [threshold, scale] = [Math.round(rate * 65536), 1 / (1 - rate)]
  const [drawn] = native('UniDiagKeepMask', {}, { shape: shape as number[], key0, key1, threshold, scale }) ?? []
  return drawn ?? tensor(drawOnHost('keepMask', util.sizeFromShape(shape as number[]), key0, key1, threshold, scale), shape as number[])
}

/** Inverted dropout; the identity when the pass is not training. @param rate probability of zeroing an element */
export function dropout<T extends Tensor>(x: T, rate: number, forward: Forward): T {
  return applyKeep(x, keepMask(x.shape, rate, forward))
}

/** x times what `keepMask` drew for its shape; x itself where nothing is dropped. */
export function applyKeep<T extends Tensor>(x: T, keep: Tensor | undefined): T {
  if (!keep) return x
  return differentiable<Tensor>(
    { x },
    (save) => {
      save([keep])
      return mul(x, keep)
    },
    (dy, [keep]) => ({ x: () => mul(dy, keep) }),
  ) as T
}
