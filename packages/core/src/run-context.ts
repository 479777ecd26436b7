import type { Checkpoint, CheckpointStore } from './checkpoint.js'
import type { Parameters } from './nn/parameter.js'
import type { Random } from './random.js'

/** What a stage gets of the run it is part of. */
export interface RunContext {
  readonly random: Random
  readonly parameters: Parameters
  readonly checkpoints: CheckpointStore
  /** Stops at the next step boundary when aborted. */
  readonly signal: AbortSignal
  /** Where this stage stood when an earlier run stopped; only the stage that was interrupted gets it. */
  readonly resume?: Checkpoint
}
