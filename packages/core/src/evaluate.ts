import type { Dataset, Sample } from './contracts/dataset.js'
import type { Pooling } from './contracts/encoders.js'
import type { Score, Task } from './contracts/task.js'
import type { VisionLanguageModel } from './model.js'
import type { Random } from './random.js'
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
  readonly onLost?: (lost: { readonly id: string; readonly reason: string }) => void
}

/** Scores a task on a split: inference, no gradients. @throws UniDiagError NO_SAMPLES, SPLIT_UNKNOWN */
export function evaluate(_o: EvaluateOptions): Promise<Score> {
  throw new Error('not yet')
}
