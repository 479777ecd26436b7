import { Stage } from '@unidiag/core/contracts/stage'
import { definePlugin } from '@unidiag/core/plugin'
import { reconstructionNeeds, reconstructionOptions, reconstructionStage } from '@unidiag/core/stages/reconstruction'

/**
 * MR-Pretrain (P 3.2, Eq. 7): masked reconstruction of pixels, tokens and teacher features, and image-text matching, on image-caption pairs.
 * One pass of the student over masked pairs, one of the teacher over whole ones, one of the student over matched and mismatched pairs.
 */
export const mrPretrain = definePlugin({
  name: '@unidiag/pretrain/mr-pretrain',
  provides: Stage,
  needs: reconstructionNeeds,
  options: reconstructionOptions(['mim', 'mlm', 'feaMim', 'feaMlm', 'itm']),
  setup: ({ needs, options }): Stage => reconstructionStage('mr-pretrain', needs, options),
})
