import { tidy } from '@tensorflow/tfjs-core'
import type { Dataset, Sample } from './contracts/dataset.js'
import type { Pooling } from './contracts/encoders.js'
import type { Score, Task } from './contracts/task.js'
import { BatchLoader } from './data/loader.js'
import { UniDiagError } from './errors.js'
import type { VisionLanguageModel } from './model.js'
import { prefetch } from './pump.js'
import type { Random } from './random.js'
import { ownPair, Step } from './step.js'
import type { BatchInputs } from './train.js'

export interface EvaluateOptions {
  readonly model: VisionLanguageModel
  readonly task: Task
  readonly dataset: Dataset
  readonly split: string
  /** The samples to score; the whole split when left out. */
  readonly samples?: readonly Sample[]
  /** `parts` need not name the task. */
  readonly loader: BatchInputs
  readonly batchSize: number
  readonly pooling: Pooling
  readonly random: Random
  /** `selection` chooses weights during training, and may be cheaper than what is reported; `report` when left out. */
  readonly purpose?: 'selection' | 'report'
  /** Ends the evaluation with the signal's reason. */
  readonly signal?: AbortSignal
  /** Called now and then by evaluations that take long. */
  readonly onProgress?: (message: string) => void
  readonly onLost?: (lost: { readonly id: string; readonly reason: string }) => void
}

/** Scores a task on a split: inference, no gradients, samples in file order. @throws UniDiagError NO_SAMPLES, SPLIT_UNKNOWN */
export async function evaluate(o: EvaluateOptions): Promise<Score> {
  const { model, task, dataset, split, batchSize, pooling, random } = o
  const own = task.evaluate?.(o)
  if (own) return own
  const samples = o.samples ?? dataset.samples(split)
  const loader = new BatchLoader({
    ...o.loader,
    parts: [...o.loader.parts.filter((part) => part !== task), task],
    maxLength: o.loader.maxLength ?? model.text.maxLength,
    padded: o.loader.padded || pooling === 'mean',
    samples,
    batchSize,
    random,
    stage: `evaluate/${split}`,
    augment: false,
    shuffle: false,
  })
  const evaluator = task.evaluator()
  const scored = new Set<string>()
  const lost = new Map<string, string>()
  for await (const batch of prefetch(loader.batches({ epochs: 1 }), 1)) {
    o.signal?.throwIfAborted()
    for (const { id, reason } of batch.lost) lost.set(id, reason)
    for (const { id } of batch.samples) scored.add(id)
    if (batch.samples.length === 0) continue
    const logits = tidy(() => {
      const step = new Step({ model, batch, training: false })
      return task.logits(step.pooled(task.view ?? ownPair, pooling), step)
    })
    try {
      evaluator.add((await logits.data()) as Float32Array, batch.samples)
    } finally {
      logits.dispose()
    }
  }
  for (const [id, reason] of lost) o.onLost?.({ id, reason })
  if (scored.size === 0) throw new UniDiagError('NO_SAMPLES', `no sample of the split "${split}" of ${dataset.name} could be scored (${samples.length} in all)`)
  return evaluator.score({ dataset, split, lost: samples.length - scored.size })
}
