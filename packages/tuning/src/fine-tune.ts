import { Stage } from '@unidiag/core/contracts/stage'
import { optimizerOptions } from '@unidiag/core/optim/options'
import { definePlugin } from '@unidiag/core/plugin'
import { ownPair } from '@unidiag/core/step'
import { z } from 'zod'
import { tuningOptions } from './tuning-options.js'
import { tuningNeeds, tuningStage } from './tuning-stage.js'

/**
 * Supervised tuning of the pipeline's task, with the gradient transforms that name this stage (GM-Coord). Ends with the test
 * split under the weights of the best validation.
 * @throws UniDiagError OPTION_INVALID, SPLIT_FORBIDDEN, SPLIT_UNKNOWN
 */
export const fineTune = definePlugin({
  name: '@unidiag/tuning/fine-tune',
  provides: Stage,
  needs: tuningNeeds,
  options: z.strictObject({
    ...tuningOptions,
    /** Defaults of the reference's VQA runs. */
    optimizer: optimizerOptions
      .extend({
        learningRate: z.number().positive().default(5e-6),
        multiplier: z.strictObject({ multiModal: z.number().positive().default(5), heads: z.number().positive().default(50) }).prefault({}),
        schedule: z.enum(['linear', 'cosine', 'constant']).default('cosine'),
      })
      .prefault({}),
    /** Scores the test split with the weights as they are, and does not train: retrieval straight from pre-training. */
    scoresOnly: z.boolean().default(false),
  }),
  setup: ({ needs, options }): Stage =>
    tuningStage('fine-tune', needs, options, () => (step) => step.pooled(needs.task.view ?? ownPair, options.pooling), { trains: !options.scoresOnly }),
})
