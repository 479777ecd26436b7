import type { Score } from './contracts/task.js'

/** What a run tells the world: plain readonly data, ids and numbers only, never tensors, texts or pixels. */
export type RunEvent =
  | {
      readonly type: 'run-start'
      readonly at: string
      readonly out: string
      readonly seed: number
      readonly backend: string
      readonly stages: readonly string[]
      readonly parameters: number
      /** True when the run goes on from a checkpoint. */
      readonly resumed: boolean
    }
  | {
      readonly type: 'stage-start'
      readonly stage: string
      readonly samples: number
      readonly steps: number
      readonly epochs: number
      readonly batchSize: number
      readonly resumedAt: number
    }
  | StepEvent
  | { readonly type: 'sample-lost'; readonly stage: string; readonly id: string; readonly reason: string }
  | { readonly type: 'score'; readonly stage: string; readonly epoch: number; readonly score: Score }
  | { readonly type: 'checkpoint'; readonly stage: string; readonly kind: 'last' | 'best'; readonly step: number; readonly file: string }
  | { readonly type: 'note'; readonly stage: string; readonly message: string }
  | { readonly type: 'stage-end'; readonly stage: string; readonly steps: number; readonly seconds: number }
  | { readonly type: 'run-end'; readonly at: string; readonly seconds: number; readonly out: string }

export interface StepEvent {
  readonly type: 'step'
  readonly stage: string
  /** Optimiser steps done in this stage (the first is 1), of `steps`. */
  readonly step: number
  readonly steps: number
  /** The first is 1, as in scores. */
  readonly epoch: number
  /** `total` and each unweighted part, averaged over the accumulation window. */
  readonly losses: Readonly<Record<string, number>>
  /** Base learning rate of the step. */
  readonly learningRate: number
  readonly gradientNorm: number
  /** Numbers of gradient transforms, e.g. `rhoText`, `kText`, `kImage` of GM-Coord. */
  readonly coefficients: Readonly<Record<string, number>>
  readonly samples: number
  readonly seconds: number
  /** Tensors alive after the step (tf.memory().numTensors). */
  readonly tensors: number
}
