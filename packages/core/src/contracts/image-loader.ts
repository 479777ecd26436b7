import type { Rng } from '../random.js'
import { token } from '../token.js'
import type { ImageSource } from './dataset.js'

/** Decodes, resizes and normalises images, off the main thread. */
export interface ImageLoader {
  /** Side of the square image, pixels. */
  readonly size: number
  /**
   * @param rng when given, the training augmentation is applied with it
   * @returns normalised pixels, `[size, size, 3]` row-major (CLIP mean and standard deviation)
   * @throws UniDiagError IMAGE_UNREADABLE
   */
  load(image: ImageSource, rng?: Rng): Promise<Float32Array>
}

export const ImageLoader = token<ImageLoader>('ImageLoader')
