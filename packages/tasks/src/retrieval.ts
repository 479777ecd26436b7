import { concat, reshape, type Scalar, slice, softmax, type Tensor1D, type Tensor2D, tidy, zeros } from '@tensorflow/tfjs-core'
import { Fusion, type Pooled } from '@unidiag/core/contracts/encoders'
import { Objective } from '@unidiag/core/contracts/objective'
import { Task } from '@unidiag/core/contracts/task'
import { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { UniDiagError } from '@unidiag/core/errors'
import { Linear } from '@unidiag/core/nn/linear'
import { type Parameter, ParameterStore, type Parameters, zeros as zeroWeights } from '@unidiag/core/nn/parameter'
import { softmaxCrossEntropy } from '@unidiag/core/ops/softmax-cross-entropy'
import { definePlugin } from '@unidiag/core/plugin'
import { RandomSource } from '@unidiag/core/random'
import { all } from '@unidiag/core/token'
import { z } from 'zod'
import { applyHalf } from './apply-half.js'
import { addRankedTexts, rankedTexts } from './ranked-texts.js'
import { RankingEvaluator } from './ranking-evaluator.js'
import { scoreRecall, type TwoStage } from './score-recall.js'

const ITM_HEAD = 'itm_head.fc'

/**
 * Image-text retrieval (reference: objectives.py): training ranks the true text of an image above others drawn at random, evaluation ranks every image
 * against every text. Parameters `irtr_head.*`, which start as the matched row of `itm_head.fc`; that head is frozen.
 */
export const retrieval = definePlugin({
  name: '@unidiag/tasks/retrieval',
  provides: Task,
  // All objectives, so that a matching head that pre-training brings is there first.
  needs: { parameters: ParameterStore, fusion: Fusion, random: RandomSource, tokenizer: Tokenizer, objectives: all(Objective) },
  options: z.strictObject({
    /** Wrong texts an image. */
    negatives: z.int().positive().default(15),
    /** Never draw a text of the same image as a wrong one; the reference may. */
    excludeSelf: z.boolean().default(true),
    /** What weights are selected by during training: the loss against random texts, as in the reference, or the recall. */
    selection: z.enum(['loss', 'recall']).default('loss'),
    /** Pairs that an evaluation fuses at once. */
    pairs: z.int().positive().default(32),
    /** A file that keeps scores while an evaluation runs, so that one with the same weights and samples goes on where it was stopped. */
    scores: z.string().optional(),
    /**
     * Ranks by fusion only what a contrastive objective (@unidiag/pretrain/itc) leaves of each query's candidates. `compare` fuses all pairs all the same, and
     * reports how the recall differs; without it an evaluation costs the pairs of the shortlists only.
     */
    twoStage: z.strictObject({ shortlist: z.int().min(10).default(100), compare: z.boolean().default(true) }).optional(),
    /** Resamples of the bootstrap intervals. */
    resamples: z.int().positive().default(2000),
  }),
  setup({ needs: { parameters, fusion, random, tokenizer, objectives }, options }): Task {
    const { negatives, excludeSelf, selection, pairs, scores, resamples } = options
    const outputs = 1 + negatives
    if (!parameters.has(`${ITM_HEAD}.weight`)) {
      new Linear(parameters, ITM_HEAD, 2 * fusion.width, 2)
      frozenMatchingHead(parameters)
    }
    // Zero says that nothing has trained it, nor loaded one that was: it starts from the matching head.
    const head = new Linear(parameters, 'irtr_head', 2 * fusion.width, 1, { init: zeroWeights })
    const isUntrained = (): boolean => head.weight.value.dataSync().every((value) => value === 0)
    const score = ({ text, image }: Pooled): Tensor2D => tidy(() => head.apply(concat([text, image], 1)))
    const twoStage = options.twoStage && { ...options.twoStage, by: contrastive(objectives) }
    const half = (feature: Tensor2D, from: number): Tensor2D => tidy(() => reshape(applyHalf(head, feature, from), [-1, outputs]))
    return {
      name: 'retrieval',
      outputs,
      state: {},
      view: { image: 'full', text: 'full', textKey: rankedTexts },
      label: (index) => (index === 0 ? 'true text' : `other text ${index}`),
      begin({ trained }) {
        frozenMatchingHead(parameters)
        if (!trained) startFromMatching(parameters, head)
      },
      prepare: (draft) => addRankedTexts(draft, tokenizer, negatives, excludeSelf),
      /** `[B, 1 + N]`, the true text first. */
      logits: (pooled): Tensor2D => tidy(() => reshape(score(pooled), [-1, outputs])),
      loss: (logits): Scalar => softmaxCrossEntropy(logits, zeros([logits.shape[0]], 'int32')),
      // One linear layer: both readings of Eq. 10 are the same.
      unimodal: ({ text, image }) => ({ text: half(text, 0), image: half(image, text.shape[1]) }),
      groundTruth: (logits): Tensor1D => tidy(() => reshape(slice(softmax(logits), [0, 0], [-1, 1]), [-1])),
      evaluator: () => new RankingEvaluator(outputs, random, resamples),
      evaluate(o) {
        if (o.purpose === 'selection' && selection === 'loss') return undefined
        // A checkpoint of pre-training: zero-shot retrieval goes by the matching head.
        if (isUntrained()) startFromMatching(parameters, head)
        return scoreRecall(o, { head: score, pairs, parameters, scores, resamples, twoStage })
      },
    }
  },
})

function startFromMatching(parameters: Parameters, head: Linear): void {
  const { weight, bias } = frozenMatchingHead(parameters)
  head.weight.assign(tidy(() => slice(weight.value, [0, 1], [-1, 1])))
  head.bias!.assign(tidy(() => slice(bias.value, [1], [1])))
}

/** @throws UniDiagError PLUGIN_MISSING */
function contrastive(objectives: readonly Objective[]): TwoStage['by'] {
  for (const { name, vectors } of objectives) if (vectors) return { name, vectors }
  throw new UniDiagError('PLUGIN_MISSING', '@unidiag/tasks/retrieval: `twoStage` needs an objective that compares images with texts before fusion', {
    fix: 'Add @unidiag/pretrain/itc to the pipeline and train it, or leave out retrieval.twoStage.',
  })
}

/** The head of image-text matching: its row 1, "matched", is what retrieval starts from, and the reference trains it no further. */
function frozenMatchingHead(parameters: Parameters): { weight: Parameter; bias: Parameter } {
  const [weight, bias] = ['weight', 'bias'].map((part) => parameters.get(`${ITM_HEAD}.${part}`))
  for (const parameter of [weight, bias]) parameter.trainable = false
  return { weight, bias }
}
