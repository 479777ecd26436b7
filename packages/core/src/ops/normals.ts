import { type Tensor, tensor } from '@tensorflow/tfjs-core'
import type { Rng } from '../random.js'
import { native } from './fused.js'

/**
 * Standard normals, those of `rng.normals` up to the precision of single floats.
 * @param rng from which nothing was drawn yet
 */
export function normals(shape: readonly number[], rng: Rng): Tensor {
  const [key0, key1] = rng.key
  const size = shape.reduce((a, b) => a * b, 1)
  return native('UniDiagNormals', {}, { shape: shape as number[], key0, key1 })?.[0] ?? tensor(rng.normals(size), shape as number[])
}
