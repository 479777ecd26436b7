import { addN, type Scalar, scalar, sqrt, square, sum, type Tensor, tidy } from '@tensorflow/tfjs-core'
import { native } from './fused.js'

/** L2 norm over all elements of all tensors. */
export function globalNorm(tensors: Iterable<Tensor>): Scalar {
  const list = [...tensors]
  if (list.length === 0) return scalar(0)
  const found = native('UniDiagGlobalNorm', Object.fromEntries(list.map((t, i) => [i, t])))?.[0]
  return (found as Scalar | undefined) ?? tidy(() => sqrt(addN(list.map((t) => sum(square(t))))))
}
