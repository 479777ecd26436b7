import type { Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core'
import { Fusion, ImageEncoder } from '@unidiag/core/contracts/encoders'
import { Objective } from '@unidiag/core/contracts/objective'
import { batchKeys } from '@unidiag/core/data/batch-keys'
import { UniDiagError } from '@unidiag/core/errors'
import { definePlugin } from '@unidiag/core/plugin'
import type { Step } from '@unidiag/core/step'
import { z } from 'zod'
import { MimDecoder } from './mim-decoder.js'
import { squaredError } from './squared-error.js'
import { pixelTarget } from './targets/pixels.js'

/** Masked image modelling (P(1), reference: objectives.py): the squared error of the removed patches' pixels. Objective `mim`. */
export const mim = definePlugin({
  name: '@unidiag/pretrain/mim',
  provides: Objective,
  needs: { image: ImageEncoder, fusion: Fusion, decoder: MimDecoder },
  options: z.strictObject({
    /** Where the image features come from: -1 the last fusion layer (UMD), k >= 0 the output after k fusion layers (M3AE: 3). */
    mimLayer: z.int().min(-1).default(-1),
    /** Standardise each target patch with its own mean and variance. */
    normPixLoss: z.boolean().default(true),
    /** Whether the text of the pass is masked too (UMD), whole (M3AE, a pass of its own), or not read: the image encoder alone, without fusion (MAE). */
    text: z.enum(['masked', 'full', 'none']).default('masked'),
  }),
  setup({ needs: { image, fusion, decoder }, options }): Objective {
    if (options.mimLayer > fusion.depth)
      throw new UniDiagError('OPTION_INVALID', `mim: mimLayer ${options.mimLayer} is deeper than the fusion of ${fusion.depth} layers`, {
        fix: `Use -1 for the last layer, or 0 to ${fusion.depth}.`,
      })
    if (options.text === 'none') checkImageOnly(options.mimLayer, image, fusion)
    const features = (step: Step): Tensor3D => {
      if (options.text === 'none') return step.imageTokens({ image: 'masked' })
      const streams = step.student({ image: 'masked', text: options.text })
      // The inputs of the layers end before the last output.
      return options.mimLayer < 0 || options.mimLayer === fusion.depth ? streams.image : streams.imageInputs[options.mimLayer]
    }
    return {
      name: 'mim',
      loss(step) {
        const forward = step.forward('mim')
        const decoded = decoder.decode(features(step), step.get<Tensor2D>(batchKeys.imageRestore), forward)
        const prediction = forward.tap('mim_logits', decoder.predict(decoded))
        const target = forward.tap('mim_labels', pixelTarget(step.get<Tensor4D>(batchKeys.image), image.patchSize, options.normPixLoss))
        return squaredError(prediction, target, step.get<Tensor2D>(batchKeys.imageRemoved))
      },
    }
  },
})

function checkImageOnly(mimLayer: number, image: ImageEncoder, fusion: Fusion): void {
  if (mimLayer !== -1)
    throw new UniDiagError('OPTION_INVALID', `mim: with text \`none\` there is no fusion, and so no mimLayer ${mimLayer}`, { fix: 'Leave mim.mimLayer out.' })
  if (image.width !== fusion.width)
    throw new UniDiagError('OPTION_INVALID', `mim: the decoder embeds features of width ${fusion.width}, and the image encoder alone gives ${image.width}`, {
      fix: 'Give the fusion the width of the image encoder.',
    })
}
