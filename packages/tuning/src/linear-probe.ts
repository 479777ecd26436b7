import { Stage } from '@unidiag/core/contracts/stage'
import { noGrad } from '@unidiag/core/nn/no-grad'
import { optimizerOptions } from '@unidiag/core/optim/options'
import { definePlugin } from '@unidiag/core/plugin'
import { ownPair } from '@unidiag/core/step'
import { z } from 'zod'
import { FeatureCache } from './feature-cache.js'
import { tuningOptions } from './tuning-options.js'
import { tuningNeeds, tuningStage } from './tuning-stage.js'

const { augment: _, ...options } = tuningOptions

/**
 * Linear probing: trains the head of the pipeline's task on the pooled features `[text, image]` of encoders and fusion that do not change and have no
 * dropout. Where a task's head has a hidden layer, all of the head is trained. Features of pairs that stay the same are computed once.
 * Before the stage `fine-tune` it makes LP-FT (Kumar et al., ICLR 2022).
 * @throws UniDiagError OPTION_INVALID, SPLIT_FORBIDDEN, SPLIT_UNKNOWN
 */
export const linearProbe = definePlugin({
  name: '@unidiag/tuning/linear-probe',
  provides: Stage,
  needs: tuningNeeds,
  options: z.strictObject({
    ...options,
    /** A head alone bears a far larger learning rate than encoders do; there is nothing to multiply it for. */
    optimizer: optimizerOptions
      .omit({ multiplier: true })
      .extend({ learningRate: z.number().positive().default(1e-3), schedule: z.enum(['linear', 'cosine', 'constant']).default('cosine') })
      .prefault({}),
  }),
  setup({ needs, options: { optimizer, ...options } }): Stage {
    const { view } = needs.task
    const chosen = { ...options, augment: false, optimizer: { ...optimizer, multiplier: { multiModal: 1, heads: 1 } } }
    return tuningStage('linear-probe', needs, chosen, () => {
      const cache = new FeatureCache()
      return (step) => {
        const pooled = () => noGrad(() => ({ ...step.inference().pooled(view ?? ownPair, options.pooling) }))
        // A view of the task's own holds other texts every epoch.
        return view ? pooled() : cache.pooled(step, pooled)
      }
    })
  },
})
