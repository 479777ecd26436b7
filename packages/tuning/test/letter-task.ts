import { concat, mul, softmax, sum, type Tensor1D, type Tensor2D, tensor } from '@tensorflow/tfjs-core'
import type { Dataset, Sample } from '@unidiag/core/contracts/dataset'
import { Fusion } from '@unidiag/core/contracts/encoders'
import { type Evaluator, Task } from '@unidiag/core/contracts/task'
import { Linear } from '@unidiag/core/nn/linear'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import { softmaxCrossEntropy } from '@unidiag/core/ops/softmax-cross-entropy'
import { definePlugin } from '@unidiag/core/plugin'
import { z } from 'zod'

const label = (sample: Sample): number => (sample.text.includes('a') ? 1 : 0)

/** Does the text hold the letter a? Accuracy over the split. */
export const letterTask = definePlugin({
  name: '@unidiag/tuning/test-letter',
  provides: Task,
  needs: { parameters: ParameterStore, fusion: Fusion },
  options: z.strictObject({}),
  setup({ needs: { parameters, fusion } }): Task {
    const head = new Linear(parameters, 'cls_head.0', 2 * fusion.width, 2)
    const half = (feature: Tensor2D, from: number): Tensor2D => {
      const zeros: Tensor2D = mul(feature, 0)
      return head.apply(concat(from === 0 ? [feature, zeros] : [zeros, feature], 1))
    }
    return {
      name: 'letter',
      outputs: 2,
      state: {},
      prepare(draft) {
        draft.arrays['letter.labels'] = { data: Int32Array.from(draft.samples, label), shape: [draft.samples.length] }
      },
      logits: ({ text, image }) => head.apply(concat([text, image], 1)),
      loss: (logits, step) => softmaxCrossEntropy(logits, step.get<Tensor1D>('letter.labels')),
      unimodal: ({ text, image }) => ({ text: half(text, 0), image: half(image, text.shape[1]) }),
      groundTruth: (logits, step) => {
        const targets = tensor([...step.get('letter.labels').dataSync()].map((right) => (right === 1 ? [0, 1] : [1, 0])))
        return sum(mul(softmax(logits), targets), 1) as Tensor1D
      },
      evaluator: () => new LetterEvaluator(),
      label: String,
    }
  },
})

class LetterEvaluator implements Evaluator {
  #right = 0
  #n = 0

  add(logits: Float32Array, samples: readonly Sample[]): void {
    for (const [i, sample] of samples.entries()) {
      this.#n++
      if (Number(logits[2 * i + 1] > logits[2 * i]) === label(sample)) this.#right++
    }
  }

  score({ dataset, split, lost }: { dataset: Dataset; split: string; lost: number }) {
    const protocol = { task: 'letter', dataset: dataset.name, synthetic: true, split, splitHash: '', samples: this.#n, lost, details: {} }
    return { primary: 'accuracy', metrics: { accuracy: { value: this.#right / this.#n, interval: [0, 1] as const, n: this.#n } }, protocol }
  }
}
