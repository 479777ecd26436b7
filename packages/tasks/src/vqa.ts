import { mean, mul, type Scalar, type Tensor1D, type Tensor2D, tidy } from '@tensorflow/tfjs-core'
import { Dataset } from '@unidiag/core/contracts/dataset'
import { Fusion, type Pooled } from '@unidiag/core/contracts/encoders'
import { type Evaluator, Task } from '@unidiag/core/contracts/task'
import type { BatchDraft } from '@unidiag/core/data/batch-draft'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import { bceWithLogits } from '@unidiag/core/ops/bce-with-logits'
import { definePlugin } from '@unidiag/core/plugin'
import { type Random, RandomSource } from '@unidiag/core/random'
import { chooseDataset } from '@unidiag/core/stages/training-data'
import type { Step } from '@unidiag/core/step'
import { all } from '@unidiag/core/token'
import { z } from 'zod'
import { AnswerVocabulary } from './answer-vocabulary.js'
import { crossEntropyOfLabels, probabilityOfLabels } from './label-loss.js'
import { PairHead } from './pair-head.js'
import { VqaEvaluator } from './vqa-evaluator.js'

const TARGETS = 'vqa.targets'
const LABEL = 'vqa.label'

const vqaOptions = z.strictObject({
  /** Name of the data set of questions; needed when the pipeline has several. */
  dataset: z.string().optional(),
  /** Splits whose answers the head can give. `[train]` is honest; the reference also takes the answers of its test questions (make_arrow.py). */
  vocabularySplits: z.array(z.string()).min(1).default(['train']),
  /** `bce`: binary cross-entropy over all answers, mean x number of answers (released code); `cross-entropy`: over the first answer (paper). */
  loss: z.enum(['bce', 'cross-entropy']).default('bce'),
  /** Resamples of the bootstrap intervals. */
  resamples: z.int().positive().default(2000),
  /** The task state of a checkpoint; taken instead of the answers of the data set, which then need not be there. */
  state: z
    .strictObject({
      answers: z.array(z.string()).min(1),
      source: z.string(),
      majority: z.strictObject({ overall: z.string().optional(), open: z.string().optional(), closed: z.string().optional() }),
      outside: z.record(z.string(), z.int().nonnegative()),
    })
    .optional(),
})

/**
 * Visual question answering as classification over a closed list of answers (reference: make_arrow.py, my_metrics.py).
 * Prepares `vqa.targets` `[B, V]` float32 (1 at every accepted answer) and `vqa.label` `[B]` int32 (the first of them, -1 when none can be produced).
 */
export const vqa = definePlugin({
  name: '@unidiag/tasks/vqa',
  provides: Task,
  needs: { parameters: ParameterStore, fusion: Fusion, random: RandomSource, datasets: all(Dataset) },
  options: vqaOptions,
  setup({ needs, options }) {
    const vocabulary = options.state
      ? new AnswerVocabulary(options.state)
      : AnswerVocabulary.collect(chooseDataset('vqa', needs.datasets, options.dataset), options.vocabularySplits)
    return new Vqa(vocabulary, new PairHead(needs.parameters, 'vqa_head', needs.fusion.width, vocabulary.size), needs.random, options)
  },
})

class Vqa implements Task {
  readonly name = 'vqa'
  readonly #vocabulary: AnswerVocabulary
  readonly #head: PairHead
  readonly #random: Random
  readonly #options: z.output<typeof vqaOptions>

  constructor(vocabulary: AnswerVocabulary, head: PairHead, random: Random, options: z.output<typeof vqaOptions>) {
    this.#vocabulary = vocabulary
    this.#head = head
    this.#random = random
    this.#options = options
  }

  get outputs(): number {
    return this.#vocabulary.size
  }

  get state(): Task['state'] {
    return { ...this.#vocabulary.state }
  }

  label(index: number): string {
    return this.#vocabulary.state.answers[index]
  }

  prepare(draft: BatchDraft): void {
    const targets = new Float32Array(draft.samples.length * this.outputs)
    const label = new Int32Array(draft.samples.length).fill(-1)
    draft.samples.forEach((sample, i) => {
      const labels = this.#vocabulary.labels(sample)
      for (const output of labels) targets[i * this.outputs + output] = 1
      if (labels.length > 0) label[i] = labels[0]
    })
    draft.arrays[TARGETS] = { data: targets, shape: [draft.samples.length, this.outputs] }
    draft.arrays[LABEL] = { data: label, shape: [draft.samples.length] }
  }

  logits(pooled: Pooled): Tensor2D {
    return this.#head.logits(pooled)
  }

  loss(logits: Tensor2D, step: Step): Scalar {
    if (this.#options.loss === 'bce') {
      const targets = step.get<Tensor2D>(TARGETS)
      return tidy(() => mul(mean(bceWithLogits(logits, targets)), this.outputs) as Scalar)
    }
    return crossEntropyOfLabels(logits, step.get<Tensor1D>(LABEL))
  }

  unimodal(pooled: Pooled, mode: 'exact-split' | 'code'): { text: Tensor2D; image: Tensor2D } {
    return this.#head.unimodal(pooled, mode)
  }

  groundTruth(logits: Tensor2D, step: Step): Tensor1D {
    return probabilityOfLabels(logits, step.get<Tensor1D>(LABEL))
  }

  evaluator(): Evaluator {
    return new VqaEvaluator(this.#vocabulary, this.#random, this.#options.resamples)
  }
}
