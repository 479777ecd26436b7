import { Stage } from '@unidiag/core/contracts/stage'
import { definePlugin } from '@unidiag/core/plugin'
import { reconstructionNeeds, reconstructionOptions, reconstructionStage } from '@unidiag/core/stages/reconstruction'
import { z } from 'zod'

/**
 * TD-Calib (P 3.3, Eq. 8): pre-training goes on with the downstream training pairs, without their labels and without matching, so that
 * the encoders meet the target distribution. Heads that it does not train keep their weights.
 * @throws UniDiagError SPLIT_FORBIDDEN for another split than `train`, unless `allowSplit` is true
 */
export const tdCalib = definePlugin({
  name: '@unidiag/tuning/td-calib',
  provides: Stage,
  needs: reconstructionNeeds,
  options: reconstructionOptions(['mim', 'mlm', 'feaMim', 'feaMlm']).extend({
    /** Weight of both feature losses when pixels and tokens weigh 1, in place of `alpha`: 1e-5 in the released code. */
    feaWeight: z.number().min(0).optional(),
  }),
  setup({ needs, options: { feaWeight, ...options } }): Stage {
    const named = Object.entries(feaWeight === undefined ? {} : feaWeights(feaWeight)).filter(([name]) => options.objectives.includes(name))
    return reconstructionStage('td-calib', needs, { ...options, weights: { ...Object.fromEntries(named), ...options.weights } })
  },
})

/** Weights of the four objectives for a `feaWeight`. */
export const feaWeights = (feaWeight: number) => ({ mim: 1, mlm: 1, feaMim: feaWeight, feaMlm: feaWeight })
