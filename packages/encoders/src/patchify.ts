import { reshape, type Tensor3D, type Tensor4D, transpose } from '@tensorflow/tfjs-core'

/**
 * Cuts images into patches: `[B, H, W, 3]` to `[B, N, p * p * 3]`, patches in raster order, values of a patch in
 * (row, column, channel) order.
 */
export function patchify(image: Tensor4D, patchSize: number): Tensor3D {
  const [batch, height, width, channels] = image.shape
  const [rows, columns] = [height / patchSize, width / patchSize]
  const lines = reshape(image, [batch * rows, patchSize, columns, patchSize * channels])
  return reshape(transpose(lines, [0, 2, 1, 3]), [batch, rows * columns, patchSize * patchSize * channels])
}
