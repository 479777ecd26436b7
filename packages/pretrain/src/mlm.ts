import { gather, mul, reshape, type Scalar, square, sum, type Tensor1D, type Tensor2D, type Tensor3D } from '@tensorflow/tfjs-core'
import { Fusion, TextEncoder } from '@unidiag/core/contracts/encoders'
import { Objective } from '@unidiag/core/contracts/objective'
import { batchKeys } from '@unidiag/core/data/batch-keys'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import { gatherRows } from '@unidiag/core/ops/gather-rows'
import { softmaxCrossEntropy } from '@unidiag/core/ops/softmax-cross-entropy'
import { definePlugin } from '@unidiag/core/plugin'
import { z } from 'zod'
import { MlmHead } from './mlm-head.js'

/** Masked language modelling (P(2), reference: objectives.py): cross-entropy of the masked tokens of the whole batch. Objective `mlm`. */
export const mlm = definePlugin({
  name: '@unidiag/pretrain/mlm',
  provides: Objective,
  needs: { parameters: ParameterStore, text: TextEncoder, fusion: Fusion },
  options: z.strictObject({
    /** Whether the image of the pass is masked too (UMD) or whole (M3AE, a pass of its own). */
    image: z.enum(['masked', 'full']).default('masked'),
    /** Send only the masked tokens through the head, or `all` as the reference does: the same loss and gradients, several times dearer. */
    positions: z.enum(['masked', 'all']).default('masked'),
  }),
  setup({ needs: { parameters, text, fusion }, options }): Objective {
    const head = new MlmHead(parameters, fusion.width, text.vocabSize)
    return {
      name: 'mlm',
      loss(step) {
        const forward = step.forward('mlm')
        const features = step.student({ image: options.image, text: 'masked' }).text
        const positions = step.get<Tensor1D>(batchKeys.maskedTextPositions)
        // A micro-batch without a masked token: 0, and a gradient of 0, where the reference's mean is 0 / 0.
        if (positions.size === 0) return mul(sum(square(features)), 0) as Scalar

        const labels = gather(reshape(step.get<Tensor2D>(batchKeys.maskedTextLabels), [-1]), positions) as Tensor1D
        const tokens = reshape(features, [-1, fusion.width]) as Tensor2D
        const logits =
          options.positions === 'masked'
            ? head.apply(pick(tokens, positions), forward)
            : pick(forward.tap('mlm_logits', head.apply(tokens, forward)), positions)
        return softmaxCrossEntropy(logits, labels)
      },
    }
  },
})

/** Rows of `[R, D]` at `positions`. */
function pick(x: Tensor2D, positions: Tensor1D): Tensor2D {
  const picked = gatherRows(reshape(x, [1, ...x.shape]) as Tensor3D, reshape(positions, [1, positions.size]))
  return reshape(picked, [positions.size, x.shape[1]])
}
