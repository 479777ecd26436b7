import type { FileTensor, Parameters } from './nn/parameter.js'
import type { ResolvedConfig } from './resolved-config.js'

export type CheckpointKind = 'last' | 'best'

/** Where a run stood, and what its weights mean. */
export interface CheckpointState {
  readonly stage: string
  /** Optimiser steps done in the stage. */
  readonly step: number
  /** Epochs whose validation is done. */
  readonly validated: number
  /** Best primary metric so far, and the step it was measured at. */
  readonly best?: { readonly value: number; readonly step: number }
}

export interface Checkpoint {
  readonly file: string
  /** By reference name, in file layout. */
  readonly weights: ReadonlyMap<string, FileTensor>
  /** Teacher values by parameter name, in file layout; empty when there is none. */
  readonly teacher: ReadonlyMap<string, FileTensor>
  /** State of the optimiser by its own names; empty in `best`. */
  readonly optimizer: ReadonlyMap<string, FileTensor>
  readonly state: CheckpointState
  readonly config: ResolvedConfig
  /** What the weights mean besides: answer list of the task, tokenizer fingerprint. */
  readonly meaning: Readonly<Record<string, unknown>>
}

export interface CheckpointContents {
  readonly state: CheckpointState
  readonly optimizer?: ReadonlyMap<string, FileTensor>
  readonly teacher?: ReadonlyMap<string, FileTensor>
}

/** Keeps the checkpoints of a run: `<out>/last.safetensors` and `<out>/best.safetensors`. */
export class CheckpointStore {
  /** @param o.dir without it nothing is written; `best` is then kept in memory, and a run cannot be resumed */
  constructor(_o: {
    readonly dir?: string
    readonly config: ResolvedConfig
    readonly parameters: Parameters
    readonly meaning?: Readonly<Record<string, unknown>>
  }) {}

  /** Writes weights and state; the old file stays whole until the new one is. @returns the file, undefined when the run has no folder */
  save(_kind: CheckpointKind, _contents: CheckpointContents): Promise<string | undefined> {
    throw new Error('not yet')
  }

  /** @throws UniDiagError CHECKPOINT_INVALID */
  load(_kind: CheckpointKind): Promise<Checkpoint | undefined> {
    throw new Error('not yet')
  }
}

/** Reads a checkpoint made by `CheckpointStore`. @throws UniDiagError CHECKPOINT_INVALID */
export function loadCheckpoint(_file: string): Promise<Checkpoint> {
  throw new Error('not yet')
}
