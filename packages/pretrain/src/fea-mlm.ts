import { Fusion } from '@unidiag/core/contracts/encoders'
import { Objective } from '@unidiag/core/contracts/objective'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import { definePlugin } from '@unidiag/core/plugin'
import { z } from 'zod'
import { featureProjection } from './feature-projection.js'
import { squaredError } from './squared-error.js'
import { projectedTarget, targetOptions, teacherFeatures } from './targets/teacher-features.js'

/**
 * Feature masked language modelling (P(3), reference: objectives.py): student text features of the masked pair towards the teacher's of the whole pair,
 * both through the same projection h^T. Objective `feaMlm`, parameters `feal_proj.*`.
 */
export const feaMlm = definePlugin({
  name: '@unidiag/pretrain/fea-mlm',
  provides: Objective,
  needs: { parameters: ParameterStore, fusion: Fusion },
  options: z.strictObject({
    /** Width of the latent space: lower than the fusion's, as the paper says; the fusion width (768) when a UMD checkpoint must load. */
    feaDim: z.int().positive().default(384),
    /** Places that count: those that are not padding, or `all` as the released code does. */
    positions: z.enum(['non-pad', 'all']).default('non-pad'),
    ...targetOptions,
  }),
  setup({ needs: { parameters, fusion }, options }): Objective {
    const projection = featureProjection(parameters, 'feal_proj', fusion.width, options.feaDim)
    return {
      name: 'feaMlm',
      readsPadding: options.positions === 'all',
      loss(step) {
        const forward = step.forward('feaMlm')
        const student = step.student({ image: 'masked', text: 'masked' })
        const prediction = forward.tap('feal_logits', projection.apply(student.text))
        const target = forward.tap(
          'feal_labels',
          projectedTarget(options, () => projection.apply(teacherFeatures(step).text)),
        )
        return squaredError(prediction, target, options.positions === 'non-pad' ? student.mask : undefined)
      },
    }
  },
})
