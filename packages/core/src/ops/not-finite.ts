import { all, cast, isFinite as finite, logicalNot, maximum, type Scalar, type Tensor, tidy } from '@tensorflow/tfjs-core'

/**
 * 1 when an element of x is not finite, else 0. It stays on the device, for the operators that take it as `skip`.
 * @param before the same of earlier values: where that is 1, so is this
 */
export const notFinite = (x: Tensor, before?: Scalar): Scalar =>
  tidy(() => {
    const found: Scalar = cast(logicalNot(all(finite(x))), 'float32')
    return before ? maximum(found, before) : found
  })
