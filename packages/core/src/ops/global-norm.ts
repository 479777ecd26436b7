import { addN, sqrt, square, sum, type Tensor, tidy } from '@tensorflow/tfjs-core'
import { native } from './fused.js'

/** L2 norm over all elements of all tensors, read back. */
export function globalNorm(tensors: Iterable<Tensor>): number {
  const list = [...tensors]
  if (list.length === 0) return 0
  return tidy(() => {
    const found = native('UniDiagGlobalNorm', Object.fromEntries(list.map((t, i) => [i, t])))?.[0]
    return (found ?? sqrt(addN(list.map((t) => sum(square(t)))))).dataSync()[0]
  })
}
