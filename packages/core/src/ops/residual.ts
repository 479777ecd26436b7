import { engine, type Tensor } from '@tensorflow/tfjs-core'
import { differentiable } from './fused.js'

/** x + branch of the same shape, whose gradients are that of the sum: tfjs's own `add` keeps both for broadcasting, and copies more. */
export function residual<T extends Tensor>(x: T, branch: T): T {
  return differentiable<T>(
    { x, branch },
    () => engine().runKernel('Add', { a: x, b: branch }) as T,
    (dy) => ({ x: () => dy, branch: () => dy }),
  )
}
