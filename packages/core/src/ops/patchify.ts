import { reshape, type Tensor3D, type Tensor4D, transpose } from '@tensorflow/tfjs-core'

/** Images as flat patches in raster order. @param image `[B, H, W, 3]` @returns `[B, N, p * p * 3]`, values in (row, column, channel) order */
export function patchify(image: Tensor4D, patchSize: number): Tensor3D {
  const [batch, height, width, channels] = image.shape
  const [rows, columns] = [height / patchSize, width / patchSize]
  // Rank 4 is enough: the columns and channels of a patch's row stay together.
  const strips = reshape(image, [batch * rows, patchSize, columns, patchSize * channels])
  return reshape(transpose(strips, [0, 2, 1, 3]), [batch, rows * columns, patchSize * patchSize * channels])
}
