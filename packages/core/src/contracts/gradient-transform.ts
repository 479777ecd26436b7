import type { Tensor } from '@tensorflow/tfjs-core'
import type { Rng } from '../random.js'
import type { Step } from '../step.js'
import { token } from '../token.js'

/** Gradients by parameter name. A transform may replace entries; the trainer disposes what is no longer in the map. */
export type Gradients = Map<string, Tensor>

export interface TransformContext {
  /** Random numbers of a stream, for this optimiser step. */
  readonly rng: (stream: string) => Rng
  /** Share of the stage's optimiser steps that are done, in [0, 1). */
  readonly progress: number
}

/** Gradients to gradients, between backward and the update; composable, in the order of composition. */
export interface GradientTransform {
  readonly name: string
  /** Stages it applies to, by name; all when left out. */
  readonly stages?: readonly string[]
  /** Looks at each micro-batch of the accumulation window, after its forward pass and without recording gradients. */
  observe?(step: Step): void
  /** Called once an optimiser step, inside a tidy. Returns the numbers to show in the step's event. */
  apply(gradients: Gradients, context: TransformContext): Record<string, number>
}

export const GradientTransform = token<GradientTransform>('GradientTransform', { arity: 'many' })
