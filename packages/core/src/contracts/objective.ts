import type { Scalar, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core'
import type { BatchDraft } from '../data/batch-draft.js'
import type { Step } from '../step.js'
import { token } from '../token.js'

/** Something that adds host arrays to a batch while it is prepared (off the step, ahead of it). */
export interface BatchPart {
  prepare?(draft: BatchDraft): void | Promise<void>
  /** What is computed depends on the features of padding tokens, so texts keep their full length. */
  readonly readsPadding?: boolean
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
  /** Shares no pass with other objectives: it may be computed and walked back by itself, so that its activations and theirs are not held at once. */
  readonly apart?: boolean
  /** Left out by objectives that compare no vectors. */
  readonly vectors?: PairVectors
}

/** Vectors of length 1, made of the encoders' tokens before fusion: their inner product says how well an image and a text go together. */
export interface PairVectors {
  /** @param tokens `[B, 1 + N', d_I]` @returns `[B, e]` */
  image(tokens: Tensor3D): Tensor2D
  /** @param tokens `[B, L, d_T]` @param mask `[B, L]` 1 = real token @returns `[B, e]` */
  text(tokens: Tensor3D, mask: Tensor2D): Tensor2D
}

export const Masker = token<Masker>('Masker', { arity: 'many' })
export const Objective = token<Objective>('Objective', { arity: 'many' })
