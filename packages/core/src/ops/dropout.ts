import { mul, type Tensor, tensor } from '@tensorflow/tfjs-core'
import type { Forward } from '../nn/forward.js'
import { threefry2x32 } from '../random.js'
import { differentiable, native } from './fused.js'

/**
 * What dropout multiplies by: 0 with probability `rate` (to a 65536th), else 1 / (1 - rate). Drawn from the counter-based random numbers of the pass.
 * @returns undefined when the pass drops nothing
 */
export function keepMask(shape: readonly number[], rate: number, forward: Forward): Tensor | undefined {
  if (!forward.training || rate === 0) return undefined
  const [key0, key1] = forward.nextRng().key
  const attrs = { shape: shape as number[], key0, key1, threshold: Math.round(rate * 65536), scale: 1 / (1 - rate) }
  return native('UniDiagKeepMask', {}, attrs)?.[0] ?? tensor(composite(attrs), attrs.shape)
}

interface KeepMask {
  readonly shape: number[]
  readonly key0: number
  readonly key1: number
  readonly threshold: number
  readonly scale: number
}

/**
 * Sixteen values come from the Threefry blocks 4 g .. 4 g + 3, so that four blocks can be computed side by side:
 * the low halves of their first words, the high halves, then the same of their second words.
 */
function composite({ shape, key0, key1, threshold, scale }: KeepMask): Float32Array {
  const count = shape.reduce((a, b) => a * b, 1)
  const out = new Float32Array(Math.ceil(count / 16) * 16)
  const words = new Int32Array(2)
  for (let block = 0; 4 * block < out.length; block++) {
    threefry2x32(key0, key1, block, 0, words)
    const at = (block >> 2) * 16 + (block & 3)
    out[at] = (words[0] & 0xffff) >= threshold ? scale : 0
    out[at + 4] = words[0] >>> 16 >= threshold ? scale : 0
    out[at + 8] = (words[1] & 0xffff) >= threshold ? scale : 0
    out[at + 12] = words[1] >>> 16 >= threshold ? scale : 0
  }
  return out.subarray(0, count)
}

/** Inverted dropout; the identity when the pass is not training. @param rate probability of zeroing an element */
export function dropout<T extends Tensor>(x: T, rate: number, forward: Forward): T {
  const keep = keepMask(x.shape, rate, forward)
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
