import { mul, type Scalar, type Tensor } from '@tensorflow/tfjs-core'
import { native } from './fused.js'

/** Every tensor times the same number. Takes ownership of the tensors. */
export const scaleAll = (tensors: readonly Tensor[], factor: number): Tensor[] =>
  instead(tensors, tensors.length === 0 ? [] : native('UniDiagScaleAll', { x: tensors }, { factor }), (x) => mul(x, factor))

/** Every tensor times min(1, max / norm). Takes ownership of the tensors. */
export function clipAll(tensors: readonly Tensor[], norm: Scalar, max: number): Tensor[] {
  if (tensors.length === 0) return []
  const found = native('UniDiagClipAll', { x: tensors, norm }, { max })
  const factor = found ? 1 : max / norm.dataSync()[0]
  return found || factor < 1 ? instead(tensors, found, (x) => mul(x, factor)) : [...tensors]
}

/** What a kernel found, or else each by itself. The old tensors are disposed of on the way. */
const instead = (tensors: readonly Tensor[], found: Tensor[] | undefined, one: (x: Tensor) => Tensor): Tensor[] =>
  tensors.map((x, i) => {
    const next = found?.[i] ?? one(x)
    x.dispose()
    return next
  })
