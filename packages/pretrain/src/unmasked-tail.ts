import type { ImageEncoder } from '@unidiag/core/contracts/encoders'
import type { Masker } from '@unidiag/core/contracts/objective'
import { Stage } from '@unidiag/core/contracts/stage'
import { optimizerOptions } from '@unidiag/core/optim/options'
import { definePlugin } from '@unidiag/core/plugin'
import { reconstructionNeeds, reconstructionOptions, reconstructionStage } from '@unidiag/core/stages/reconstruction'
import { z } from 'zod'
import { hidePatches } from './random-patch.js'

/**
 * The end of FLIP (Li et al., CVPR 2023): contrast goes on for a short while with images of which nothing is hidden, so that the encoder meets what it
 * will be used on. Objectives that read masked images see whole ones here; those that restore what is hidden have nothing to do in it.
 */
export const unmaskedTail = definePlugin({
  name: '@unidiag/pretrain/unmasked-tail',
  provides: Stage,
  needs: reconstructionNeeds,
  options: reconstructionOptions(['itc']).extend({
    /** One hundredth of the learning rate before, as in the original. */
    optimizer: optimizerOptions.extend({ learningRate: z.number().positive().default(1e-7) }).prefault({}),
  }),
  setup: ({ needs, options }): Stage => reconstructionStage('unmasked-tail', { ...needs, maskers: [nothingHidden(needs.image)] }, options),
})

/** Every patch stays, in raster order. */
function nothingHidden({ imageSize, patchSize }: ImageEncoder): Masker {
  const patches = (imageSize / patchSize) ** 2
  const order = Float32Array.from({ length: patches }, (_, i) => i)
  return {
    name: 'nothing-hidden',
    modality: 'image',
    prepare(draft) {
      Object.assign(
        draft.arrays,
        hidePatches(
          draft.samples.map(() => order),
          patches,
        ),
      )
    },
  }
}
