import { add, type Tensor } from '@tensorflow/tfjs-core'
import { native } from './fused.js'

/** Sums of pairs of tensors, in their order. Takes ownership of both lists. */
export function addAll(a: readonly Tensor[], b: readonly Tensor[]): Tensor[] {
  const found = a.length === 0 ? [] : native('UniDiagAddAll', { a, b })
  return a.map((x, i) => {
    const sum = found?.[i] ?? add(x, b[i])
    x.dispose()
    b[i].dispose()
    return sum
  })
}
