import { Stage } from '@unidiag/core/contracts/stage'
import { definePlugin } from '@unidiag/core/plugin'
import { reconstructionNeeds, reconstructionOptions, reconstructionStage } from '@unidiag/core/stages/reconstruction'

/**
 * TD-Calib (P 3.3, Eq. 8): pre-training goes on with the downstream training pairs, without their labels and without matching, so that
 * the encoders meet the target distribution. Heads that it does not train keep their weights.
 * The paper's weighting and linear schedule are the defaults; the released code has `weights` of 1 and 1e-5, and a cosine.
 * @throws UniDiagError SPLIT_FORBIDDEN for another split than `train`, unless `allowSplit` is true
 */
export const tdCalib = definePlugin({
  name: '@unidiag/tuning/td-calib',
  provides: Stage,
  needs: reconstructionNeeds,
  options: reconstructionOptions(['mim', 'mlm', 'feaMim', 'feaMlm']),
  setup: ({ needs, options }): Stage => reconstructionStage('td-calib', needs, options),
})
