import { availableParallelism } from 'node:os'
import { ImageEncoder } from '@unidiag/core/contracts/encoders'
import { ImageLoader } from '@unidiag/core/contracts/image-loader'
import { UniDiagError } from '@unidiag/core/errors'
import { definePlugin } from '@unidiag/core/plugin'
import { optional } from '@unidiag/core/token'
import { z } from 'zod'
import { SquareImages } from './image/square-images.js'

/**
 * Images for a CLIP-like encoder (reference: transform.py): shorter side to `size` with Pillow's bicubic filter, central square, CLIP mean and deviation.
 *
 * - `size`: side in pixels; that of the pipeline's image encoder when left out
 * - `augment`: what a stage gets that asks for augmentation: `resized-crop` cuts out 90 to 100 % of the area at random
 * - `view`: how DICOM files and volumes become pictures: a `window` in their units (such as Hounsfield), else that of the file, else all values; the `plane`
 *   in which NIfTI volumes are cut
 * - `cacheBytes`: memory for prepared images (8-bit, not augmented); 0 turns the cache off
 * - `threads`: how many threads resize (one less than the machine has, 4 at most); twice as many images are held in full size at most
 */
export const images = definePlugin({
  name: '@unidiag/datasets/images',
  provides: ImageLoader,
  needs: { encoder: optional(ImageEncoder) },
  options: z.strictObject({
    size: z.int().positive().optional(),
    // OpenAI CLIP's statistics.
    mean: z.array(z.number()).length(3).default([0.48145466, 0.4578275, 0.40821073]),
    std: z.array(z.number().positive()).length(3).default([0.26862954, 0.26130258, 0.27577711]),
    augment: z.enum(['none', 'resized-crop']).default('resized-crop'),
    view: z
      .strictObject({
        window: z.strictObject({ center: z.number(), width: z.number().min(1) }).optional(),
        plane: z.enum(['axial', 'coronal', 'sagittal']).default('axial'),
      })
      .default({ plane: 'axial' }),
    cacheBytes: z
      .int()
      .nonnegative()
      .default(256 * 2 ** 20),
    threads: z.int().positive().optional(),
  }),
  setup({ needs: { encoder }, options }) {
    const size = options.size ?? encoder?.imageSize
    if (size === undefined)
      throw new UniDiagError('OPTION_INVALID', '@unidiag/datasets/images: the pipeline has no image encoder, so `size` is needed', {
        fix: 'Set the option `size` to the side of the square images in pixels.',
      })
    if (encoder && size !== encoder.imageSize)
      throw new UniDiagError('OPTION_INVALID', `@unidiag/datasets/images: size is ${size}, but the image encoder takes ${encoder.imageSize}`, {
        fix: `Leave out \`size\`, or set it to ${encoder.imageSize}.`,
      })
    return new SquareImages({ ...options, size, threads: options.threads ?? Math.min(4, Math.max(1, availableParallelism() - 1)) })
  },
  teardown: (loader) => (loader as SquareImages).close(),
})
