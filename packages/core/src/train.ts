import type { Observable } from 'rxjs'
import type { Sample } from './contracts/dataset.js'
import type { GradientTransform } from './contracts/gradient-transform.js'
import type { ImageLoader } from './contracts/image-loader.js'
import type { BatchPart } from './contracts/objective.js'
import type { Score } from './contracts/task.js'
import type { Teacher } from './contracts/teacher.js'
import type { Tokenizer } from './contracts/tokenizer.js'
import type { RunEvent } from './events.js'
import type { VisionLanguageModel } from './model.js'
import type { RunContext } from './run-context.js'
import type { Step, StepLoss } from './step.js'

export interface OptimizerSettings {
  readonly learningRate: number
  readonly weightDecay: number
  readonly betas: readonly [number, number]
  readonly eps: number
  readonly multiplier: { readonly multiModal: number; readonly heads: number }
  readonly schedule: 'linear' | 'cosine' | 'constant'
  /** Share of the steps. */
  readonly warmup: number
  readonly accumulate: number
  readonly clipNorm?: number | undefined
}

/** How samples become batches. */
export interface BatchInputs {
  readonly tokenizer: Tokenizer
  readonly images: ImageLoader
  /** Length L of the text rows; the text encoder's longest when left out. */
  readonly maxLength?: number
  readonly parts: readonly BatchPart[]
}

export interface TrainOptions {
  readonly stage: string
  readonly model: VisionLanguageModel
  readonly teacher?: Teacher | undefined
  readonly samples: readonly Sample[]
  readonly loader: BatchInputs
  /** Samples of a micro-batch; `optimizer.accumulate` of them make an optimiser step. */
  readonly batchSize: number
  /** Training ends after `epochs` or `steps`, whichever comes first; one epoch when neither is given. */
  readonly epochs?: number | undefined
  readonly steps?: number | undefined
  readonly optimizer: OptimizerSettings
  readonly augment: boolean
  /** Batches prepared ahead of the step. */
  readonly ahead: number
  forward(step: Step): StepLoss
  /** Those that name other stages are left out. */
  readonly transforms: readonly GradientTransform[]
  readonly validate?: { readonly every: number; run(epoch: number): Promise<Score | undefined> } | undefined
  /** Optimiser steps between checkpoints; besides at the end and when stopped. */
  readonly checkpointEvery?: number | undefined
  /** Ends with the weights of the best validation instead of the last ones. */
  readonly restoreBest?: boolean
}

/**
 * Trains a stage. Cold; unsubscribing or aborting `context.signal` stops at the next optimiser step and writes `last`.
 * @throws (as an error of the observable) UniDiagError NO_SAMPLES, GRADIENT_NONFINITE
 */
export function train(_context: RunContext, _o: TrainOptions): Observable<RunEvent> {
  throw new Error('not yet')
}
