import { concat, type Tensor1D } from '@tensorflow/tfjs-core'
import { Fusion } from '@unidiag/core/contracts/encoders'
import { Objective } from '@unidiag/core/contracts/objective'
import { Linear } from '@unidiag/core/nn/linear'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import { softmaxCrossEntropy } from '@unidiag/core/ops/softmax-cross-entropy'
import { definePlugin } from '@unidiag/core/plugin'
import { z } from 'zod'
import { itmKeys, matchingPairs } from './matching-pairs.js'

export { itmKeys } from './matching-pairs.js'

/** Image-text matching (P(5), reference: objectives.py): does this image belong to this text? Objective `itm`, parameters `itm_head.fc.*`. */
export const itm = definePlugin({
  name: '@unidiag/pretrain/itm',
  provides: Objective,
  needs: { parameters: ParameterStore, fusion: Fusion },
  options: z.strictObject({
    /** How token streams become the features of the pair (MR-Pretrain: token 0). */
    pooling: z.enum(['first', 'mean', 'mean-non-pad']).default('first'),
    /** Never draw the true image as a wrong one; the released code may. */
    excludeSelf: z.boolean().default(true),
  }),
  setup({ needs: { parameters, fusion }, options }): Objective {
    const head = new Linear(parameters, 'itm_head.fc', 2 * fusion.width, 2)
    return {
      name: 'itm',
      apart: true,
      readsPadding: options.pooling === 'mean',
      prepare: (draft) => matchingPairs(draft, options.excludeSelf),
      loss(step) {
        const pooled = step.pooled({ image: 'full', text: 'full', imageKey: itmKeys.image }, options.pooling)
        const logits = step.forward('itm').tap('itm_logits', head.apply(concat([pooled.text, pooled.image], 1)))
        return softmaxCrossEntropy(logits, step.get<Tensor1D>(itmKeys.labels))
      },
    }
  },
})
