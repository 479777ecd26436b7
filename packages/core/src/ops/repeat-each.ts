import { expandDims, reshape, type Tensor3D, tile } from '@tensorflow/tfjs-core'

/** Every matrix `times` times in a row: `[B, N, d]` to `[B * times, N, d]`. */
export function repeatEach(x: Tensor3D, times: number): Tensor3D {
  if (times === 1) return x
  const [batch, rows, width] = x.shape
  return reshape(tile(expandDims(x, 1), [1, times, 1, 1]), [batch * times, rows, width])
}
