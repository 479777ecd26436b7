import type { Rng } from '../random.js'
import { token } from '../token.js'
import type { ImageSource } from './dataset.js'

/** Work of a loader that can be done once, before training. */
export interface WorkAhead {
  /** Whether `load` cuts at random when it is given random numbers: shards for that hold whole images. */
  readonly augments: boolean
  /** What decides about pixels beside the image itself; shards of another recipe are stale. */
  recipe(cut: 'square' | 'whole'): Readonly<Record<string, unknown>>
  /**
   * An image file from which `load` makes the very pixels that it makes from the image: the square that it would cut out, or the whole image.
   * @returns its bytes and the end of its name (`.png`) @throws UniDiagError IMAGE_UNREADABLE
   */
  encode(image: ImageSource, cut: 'square' | 'whole'): Promise<{ readonly bytes: Uint8Array; readonly extension: string }>
}

/** Decodes, resizes and normalises images, off the main thread. */
export interface ImageLoader {
  /** Side of the square image, pixels. */
  readonly size: number
  /**
   * @param rng when given, the training augmentation is applied with it
   * @returns normalised pixels, `[size, size, 3]` row-major (CLIP mean and standard deviation)
   * @throws UniDiagError IMAGE_UNREADABLE; OPTION_INVALID when the image is a prepared square that this loader cannot use
   */
  load(image: ImageSource, rng?: Rng): Promise<Float32Array>
  /** Left out by loaders whose images cannot be prepared. */
  readonly ahead?: WorkAhead
}

export const ImageLoader = token<ImageLoader>('ImageLoader')
