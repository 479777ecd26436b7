import type { Scalar, Tensor } from '@tensorflow/tfjs-core'
import { token } from '../token.js'

/** A slowly moving copy of the student (exponential moving average of its parameters). */
export interface Teacher {
  /** `step`: one update an optimiser step; `microBatch`: one a micro-batch, as the released code does. */
  readonly every: 'step' | 'microBatch'
  /** Whether dropout stays on in the teacher (the released code). */
  readonly dropout: boolean
  /** (Re-)initialises from the student; called when a stage that uses the teacher starts. */
  start(): void
  /** theta_bar <- lambda theta_bar + (1 - lambda) theta. @param skip where this is 1, nothing changes: the step was not finite */
  update(skip?: Scalar): void
  /** Runs `f` with the teacher's values in place of the student's, without recording gradients. */
  run<T>(f: () => T): T
  /** Averaged values by parameter name, owned by the teacher; empty before `start`. */
  readonly values: ReadonlyMap<string, Tensor>
  /** Restores the values of a checkpoint. The teacher takes ownership. */
  restore(values: ReadonlyMap<string, Tensor>): void
  dispose(): void
}

export const Teacher = token<Teacher>('Teacher')
