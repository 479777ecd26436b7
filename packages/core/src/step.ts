import { type Scalar, type Tensor, type Tensor2D, type Tensor3D, type Tensor4D, tensor } from '@tensorflow/tfjs-core'
import type { Sample } from './contracts/dataset.js'
import type { FusedStreams, Pooled, Pooling } from './contracts/encoders.js'
import type { Teacher } from './contracts/teacher.js'
import type { HostBatch } from './data/batch-draft.js'
import { batchKeys } from './data/batch-keys.js'
import { UniDiagError } from './errors.js'
import type { VisionLanguageModel } from './model.js'
import { Forward } from './nn/forward.js'
import { noGrad } from './nn/no-grad.js'
import type { Rng } from './random.js'

/** Which inputs a pass sees. */
export interface View {
  readonly image: 'full' | 'masked'
  readonly text: 'full' | 'masked'
  /** Batch key of the pixels; `image` when left out (ITM swaps some images). */
  readonly imageKey?: string
  /**
   * Texts under `<textKey>.ids` and `<textKey>.mask`, `[B * T, L]`, instead of the batch's own: T texts an image, those of the first image first.
   * The image is encoded once and repeated.
   */
  readonly textKey?: string
}

/** Each image with its own text. */
export const ownPair: View = { image: 'full', text: 'full' }

/** The fused streams of one pass. */
export interface Features extends FusedStreams {
  /** `[B, L]` padding mask of the text. */
  readonly mask: Tensor2D
}

export interface StepOptions {
  readonly model: VisionLanguageModel
  readonly batch: HostBatch
  readonly teacher?: Teacher
  readonly training: boolean
  /** Random numbers of a stream of this micro-batch; needed when `training`. */
  readonly rng?: (...path: (string | number)[]) => Rng
  readonly tap?: (name: string, value: Tensor) => void
}

/**
 * One micro-batch while it is computed: tensors of the batch, and passes through student and teacher.
 * A pass runs when first asked for and is shared by every objective of the step. Everything made here dies with the scope the step runs in.
 */
export class Step {
  readonly #options: StepOptions
  readonly #tensors = new Map<string, Tensor>()
  readonly #passes = new Map<string, Features>()
  readonly #encodings = new Map<string, Tensor3D>()
  readonly #pooled = new Map<string, Pooled>()
  #lastPooled: Pooled | undefined

  constructor(options: StepOptions) {
    this.#options = options
  }

  get samples(): readonly Sample[] {
    return this.#options.batch.samples
  }

  get size(): number {
    return this.samples.length
  }

  get training(): boolean {
    return this.#options.training
  }

  has(key: string): boolean {
    return key in this.#options.batch.arrays
  }

  /** A tensor of the batch. @throws when no part of the pipeline prepared it */
  get<T extends Tensor = Tensor>(key: string): T {
    let found = this.#tensors.get(key)
    if (!found) {
      const array = this.#options.batch.arrays[key]
      if (!array)
        throw new UniDiagError('PLUGIN_MISSING', `no plugin of the pipeline prepared "${key}"`, {
          fix: `Add the masker or task that prepares it; the batch has: ${Object.keys(this.#options.batch.arrays).join(', ')}.`,
        })
      found = tensor(array.data, array.shape as number[], array.data instanceof Int32Array ? 'int32' : 'float32')
      this.#tensors.set(key, found)
    }
    return found as T
  }

  /** What the student's image encoder alone makes of a view's image, before fusion: `[B, 1 + N', d_I]`. */
  imageTokens(view: Pick<View, 'image' | 'imageKey'>): Tensor3D {
    const { image, imageKey = batchKeys.image } = view
    return this.#encoded(`image=${image},from=${imageKey}`, (forward) => {
      const inputs = this.#inputs({ image, imageKey, text: 'full' })
      return this.#options.model.image.encode(inputs.image, forward, inputs.keep)
    })
  }

  /** What the student's text encoder alone makes of a view's text, before fusion: `[B, L, d_T]`, and the padding mask `[B, L]`. */
  textTokens(view: Pick<View, 'text'>): { readonly tokens: Tensor3D; readonly mask: Tensor2D } {
    const { ids, mask } = this.#inputs({ image: 'full', text: view.text })
    return { tokens: this.#encoded(`text=${view.text}`, (forward) => this.#options.model.text.encode(ids, mask, forward)), mask }
  }

  /** The student's pass over a view. */
  student(view: View): Features {
    return this.#pass('student', view, () => this.#run('student', view, this.training))
  }

  /** The teacher's pass over a view; no gradient flows into it. */
  teacher(view: View): Features {
    const { teacher } = this.#options
    if (!teacher)
      throw new UniDiagError('PLUGIN_MISSING', 'an objective asks for teacher features, but this stage has no teacher', {
        fix: 'Add the plugin @unidiag/pretrain/ema-teacher.',
      })
    return this.#pass('teacher', view, () => {
      // Inputs belong to the step, not to the teacher's inner scope.
      this.#inputs(view)
      return noGrad(() => teacher.run(() => this.#run('teacher', view, this.training && teacher.dropout) as never)) as unknown as Features
    })
  }

  /** The same micro-batch without dropout, its passes apart from those of this step: what encoders that are not trained make of it. */
  inference(): Step {
    return new Step({ ...this.#options, training: false })
  }

  /** tanh-pooled features of a student's pass. */
  pooled(view: View, pooling: Pooling): Pooled {
    const key = `${viewKey(view)}/${pooling}`
    let found = this.#pooled.get(key)
    if (!found) {
      const streams = this.student(view)
      found = this.#options.model.fusion.pool(streams, streams.mask, pooling, this.#forward('student', view, this.training))
      this.#pooled.set(key, found)
    }
    this.#lastPooled = found
    return found
  }

  /** The pooled features that were asked for last: those the step's supervised loss used (a gradient transform looks at the same ones). */
  get lastPooled(): Pooled | undefined {
    return this.#lastPooled
  }

  /** An inference-or-training context for heads, with random numbers of their own. */
  forward(name: string): Forward {
    return this.#context(name, this.training)
  }

  #encoded(key: string, encode: (forward: Forward) => Tensor3D): Tensor3D {
    let found = this.#encodings.get(key)
    if (!found) {
      found = encode(this.#context(`encoder/${key}`, this.training))
      this.#encodings.set(key, found)
    }
    return found
  }

  #pass(who: string, view: View, make: () => Features): Features {
    const key = `${who}/${viewKey(view)}`
    let found = this.#passes.get(key)
    if (!found) {
      found = make()
      this.#passes.set(key, found)
    }
    return found
  }

  #inputs(view: View): { image: Tensor4D; ids: Tensor2D; mask: Tensor2D; keep: Tensor2D | undefined } {
    const { textKey } = view
    return {
      image: this.get<Tensor4D>(view.imageKey ?? batchKeys.image),
      ids: this.get<Tensor2D>(textKey ? `${textKey}.ids` : view.text === 'masked' ? batchKeys.maskedTextIds : batchKeys.textIds),
      mask: this.get<Tensor2D>(textKey ? `${textKey}.mask` : batchKeys.textMask),
      keep: view.image === 'masked' ? this.get<Tensor2D>(batchKeys.imageKeep) : undefined,
    }
  }

  #run(who: string, view: View, training: boolean): Features {
    const { image, ids, mask, keep } = this.#inputs(view)
    const streams = this.#options.model.encode({ image, ids, mask, keep }, this.#forward(who, view, training))
    return { ...streams, mask }
  }

  #forward(who: string, view: View, training: boolean): Forward {
    return this.#context(`${who}/${viewKey(view)}`, training)
  }

  #context(name: string, training: boolean): Forward {
    const { rng, tap } = this.#options
    return new Forward({
      training,
      ...(rng && { rng: (call: number) => rng('dropout', name, call) }),
      ...(tap && { tap: (at: string, value: Tensor) => tap(`${name}:${at}`, value) }),
    })
  }
}

const viewKey = (view: View): string =>
  `image=${view.image},text=${view.text},from=${view.imageKey ?? batchKeys.image}${view.textKey ? `,texts=${view.textKey}` : ''}`

/** A weighted sum of named losses. */
export interface StepLoss {
  readonly total: Scalar
  /** Unweighted, by name. */
  readonly parts: Readonly<Record<string, Scalar>>
}
