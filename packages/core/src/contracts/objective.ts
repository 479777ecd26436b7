import type { Scalar } from '@tensorflow/tfjs-core'
import type { BatchDraft } from '../data/batch-draft.js'
import type { Step } from '../step.js'
import { token } from '../token.js'

/** Something that adds host arrays to a batch while it is prepared (off the step, ahead of it). */
export interface BatchPart {
  prepare?(draft: BatchDraft): void | Promise<void>
}

/** What to hide. `prepare` adds `image.keep`, `image.restore`, `image.removed` or `text.masked.*` (see `batch-keys.ts`). */
export interface Masker extends BatchPart {
  readonly name: string
  readonly modality: 'image' | 'text'
}

/** A scalar loss with its own heads. */
export interface Objective extends BatchPart {
  /** Name in events and in stage options: `mim`, `mlm`, `feaMim`, `feaMlm`, `itm`. */
  readonly name: string
  /** The raw, unweighted loss of one micro-batch. */
  loss(step: Step): Scalar
}

export const Masker = token<Masker>('Masker', { arity: 'many' })
export const Objective = token<Objective>('Objective', { arity: 'many' })
