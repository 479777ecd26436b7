import { ImageEncoder } from '@unidiag/core/contracts/encoders'
import { UniDiagError } from '@unidiag/core/errors'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import { definePlugin } from '@unidiag/core/plugin'
import { z } from 'zod'
import { VisionTransformer } from './vision-transformer.js'

const name = '@unidiag/encoders/clip-vit'

/**
 * The vision transformer of CLIP as UMD uses it (reference: clip_model.py): the last block left out, `ln_post` on every token, no projection,
 * and only the kept patches when there is a mask. Defaults: ViT-B/16 at 384 pixels.
 * @throws UniDiagError IMAGE_SIZE when `imageSize` is not a multiple of `patchSize`
 */
export const clipVit = definePlugin({
  name,
  provides: ImageEncoder,
  needs: { parameters: ParameterStore },
  options: z
    .strictObject({
      /** Side of the square image, pixels. */
      imageSize: z.int().positive().default(384),
      /** Side of a patch, pixels. */
      patchSize: z.int().positive().default(16),
      width: z.int().positive().default(768),
      heads: z.int().positive().default(12),
      /** Blocks that run; CLIP's ViT-B/16 has 12, of which the reference leaves out the last. */
      blocks: z.int().positive().default(11),
      /** Hidden width of the feed-forward part over `width`. */
      mlpRatio: z.int().positive().default(4),
    })
    .refine(({ width, heads }) => width % heads === 0, { path: ['heads'], message: 'has to divide `width`' }),
  setup({ needs, options }) {
    const { imageSize, patchSize } = options
    if (imageSize % patchSize !== 0) {
      const below = Math.floor(imageSize / patchSize) * patchSize
      const nearest = [below, below + patchSize].filter((size) => size > 0).join(' or ')
      throw new UniDiagError('IMAGE_SIZE', `${name}: an image of ${imageSize} pixels cannot be cut into patches of ${patchSize}; use ${nearest}`, {
        fix: `Set clip-vit.imageSize to ${nearest}.`,
      })
    }
    return new VisionTransformer(needs.parameters, { ...options, name })
  },
})
