import { type Tensor, tensor, util } from '@tensorflow/tfjs-core'
import type { Rng } from '../random.js'
import { native } from './fused.js'
import { drawOnHost } from './host-random.js'

/**
 * Standard normals, those of `rng.normals` up to the precision of single floats.
 * @param rng from which nothing was drawn yet
 */
export function normals(shape: readonly number[], rng: Rng): Tensor {
  const [key0, key1] = rng.key
  const [drawn] = native('UniDiagNormals', {}, { shape: shape as number[], key0, key1 }) ?? []
  return drawn ?? tensor(drawOnHost('normals', util.sizeFromShape(shape as number[]), key0, key1), shape as number[])
}
