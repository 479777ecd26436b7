import { mul, type Tensor, tensor } from '@tensorflow/tfjs-core'
import type { Forward } from '../nn/forward.js'
import { differentiable } from './fused.js'

/**
 * What dropout multiplies by: 0 with probability `rate`, else 1 / (1 - rate). Drawn from the counter-based random numbers of the pass.
 * @returns undefined when the pass drops nothing
 */
export function keepMask(shape: readonly number[], rate: number, forward: Forward): Tensor | undefined {
  if (!forward.training || rate === 0) return undefined
  const size = shape.reduce((a, b) => a * b, 1)
  const values = forward.nextRng().uniforms(size)
  const scale = 1 / (1 - rate)
  for (let i = 0; i < size; i++) values[i] = values[i] >= rate ? scale : 0
  return tensor(values, shape as number[], 'float32')
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
