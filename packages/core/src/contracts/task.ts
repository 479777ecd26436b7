import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core'
import type { EvaluateOptions } from '../evaluate.js'
import type { Step, View } from '../step.js'
import { token } from '../token.js'
import type { Dataset, Sample } from './dataset.js'
import type { Pooled } from './encoders.js'
import type { BatchPart } from './objective.js'

/** How a score was measured; printed and stored with every score. */
export interface Protocol {
  readonly task: string
  readonly dataset: string
  readonly synthetic: boolean
  readonly split: string
  /** SHA-256 over the sorted sample ids of the split. */
  readonly splitHash: string
  /** Number of scored samples, and of samples lost to unreadable files. */
  readonly samples: number
  readonly lost: number
  /** Further facts: vocabulary size and source, share of answers that cannot be produced ... */
  readonly details: Readonly<Record<string, string | number>>
}

export interface Metric {
  readonly value: number
  /** 95 % bootstrap interval over samples. */
  readonly interval: readonly [number, number]
  readonly n: number
}

/** Numbers that no single metric holds (rates by class, a confusion matrix); the first column names the row. */
export interface Table {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly (string | number)[])[]
}

export interface Score {
  /** Name of the metric that model selection uses; larger is better. */
  readonly primary: string
  readonly metrics: Readonly<Record<string, Metric>>
  readonly tables?: Readonly<Record<string, Table>>
  /** What each sample adds to the mean that a metric is, by sample id: what paired comparisons of two runs need. */
  readonly credits?: { readonly metric: string; readonly bySample: Readonly<Record<string, number>> }
  readonly protocol: Protocol
}

/** Collects predictions of one evaluation. */
export interface Evaluator {
  add(logits: Float32Array, samples: readonly Sample[]): void
  score(context: { dataset: Dataset; split: string; lost: number }): Score
}

/** A downstream task: head, supervised loss, metric and protocol. */
export interface Task extends BatchPart {
  readonly name: string
  /** Number of outputs of the head. */
  readonly outputs: number
  /** What the model reads for the loss, when that is not each sample's own pair: retrieval holds several texts against an image. */
  readonly view?: View
  /**
   * Called by a stage when it starts: freezes parameters, or copies those that start from others.
   * @param o.trained the head has been trained already, by an earlier stage or before the run was resumed, and must keep its values
   */
  begin?(o: { readonly trained: boolean }): void
  /** `[B, outputs]` logits of pooled features. */
  logits(pooled: Pooled, step: Step): Tensor2D
  loss(logits: Tensor2D, step: Step): Scalar
  /**
   * Logits that text alone and image alone give (Eq. 10, H = [H^I, H^T]).
   * `exact-split`: the whole head with the other half zeroed and the first bias halved; `code`: the released reading.
   */
  unimodal(pooled: Pooled, mode: 'exact-split' | 'code'): { readonly text: Tensor2D; readonly image: Tensor2D }
  /** softmax(logits)[ground truth] of each sample, `[B]`. */
  groundTruth(logits: Tensor2D, step: Step): Tensor1D
  evaluator(): Evaluator
  /**
   * Scores a split where that is no matter of one sample at a time (retrieval ranks all images against all texts).
   * Without it, or when it returns undefined, the logits of batches go to `evaluator`.
   */
  evaluate?(o: EvaluateOptions): Promise<Score> | undefined
  /** The label of output `index`, for predictions. */
  label(index: number): string
  /** What a checkpoint must carry for the head to mean the same later (e.g. the answer list). */
  readonly state: Readonly<Record<string, unknown>>
}

export const Task = token<Task>('Task')
