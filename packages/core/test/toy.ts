import { add, clone, keep, mean, mul, reshape, type Scalar, square, sub, type Tensor, type Tensor2D, type Tensor3D } from '@tensorflow/tfjs-core'
import { CheckpointStore } from '../src/checkpoint.js'
import type { Sample } from '../src/contracts/dataset.js'
import type { GradientTransform } from '../src/contracts/gradient-transform.js'
import type { Teacher } from '../src/contracts/teacher.js'
import { VisionLanguageModel } from '../src/model.js'
import { Embedding } from '../src/nn/embedding.js'
import { Linear } from '../src/nn/linear.js'
import { normal, Parameters } from '../src/nn/parameter.js'
import { dropout } from '../src/ops/dropout.js'
import { emaAll } from '../src/ops/ema.js'
import { Random } from '../src/random.js'
import type { RunContext } from '../src/run-context.js'
import type { Step, StepLoss } from '../src/step.js'
import type { TrainOptions } from '../src/train.js'

/** The smallest thing that the engine can train: two linear layers, a word table, dropout, on images of one patch. */
export const toySamples = (n: number): Sample[] =>
  Array.from({ length: n }, (_, i) => ({ id: `s${i}`, imageId: `i${i}`, image: { file: `${i}` }, text: 'ab'.repeat(1 + (i % 3)) }))

export const toyTokenizer = {
  vocabSize: 8,
  special: { bos: 0, pad: 1, eos: 2, unk: 3, mask: 4 },
  encode: (text: string) => [0, ...Array.from(text, (letter) => (letter === 'a' ? 5 : 6)), 2],
  words: (text: string) => [-1, ...Array.from(text, (_, i) => i), -1],
  fingerprint: 'toy',
}

export const toyImages = {
  size: 2,
  load: async (image: Sample['image']) => new Random(5).rng('pixels', (image as { file: string }).file).normals(12),
}

const width = 4

export function toyModel(parameters: Parameters, rate = 0.2): VisionLanguageModel {
  const patch = new Linear(parameters, 'vision_encoder.patch', 12, width, { init: normal(0.5) })
  const words = new Embedding(parameters, 'language_encoder.words', 8, width, { init: normal(0.5), padIndex: 1 })
  const joint = new Linear(parameters, 'multi_modal.joint', width, width, { init: normal(0.5) })
  return new VisionLanguageModel({
    image: { width, imageSize: 2, patchSize: 2, encode: (image) => patch.apply(reshape(image, [image.shape[0], 1, 12])) as Tensor3D },
    text: { width, maxLength: 6, vocabSize: 8, encode: (ids, _, forward) => dropout(words.lookup<Tensor3D>(ids), rate, forward) },
    fusion: {
      width,
      depth: 1,
      fuse: (text, image) => ({ text: joint.apply(text), image: joint.apply(image), imageInputs: [image] }),
      pool: ({ text, image }) => ({ text: mean(text, 1) as Tensor2D, image: mean(image, 1) as Tensor2D }),
    },
  })
}

/** Pulls the pooled image towards the teacher's text, and the text towards 1. */
export function toyLoss(step: Step): StepLoss {
  const { text, image } = step.pooled({ image: 'full', text: 'full' }, 'mean')
  const target = mean(step.teacher({ image: 'full', text: 'full' }).text, 1)
  const match = mean(square(sub(image, target))) as Scalar
  const one = mean(square(sub(text, 1))) as Scalar
  return { total: add(match, one) as Scalar, parts: { match, one } }
}

export class ToyTeacher implements Teacher {
  readonly every: Teacher['every']
  readonly dropout = false
  readonly values = new Map<string, Tensor>()
  updates = 0
  readonly #parameters: Parameters

  constructor(parameters: Parameters, every: Teacher['every']) {
    this.#parameters = parameters
    this.every = every
  }

  start(): void {
    this.restore(new Map(this.#parameters.all().map((p) => [p.name, clone(p.value)])))
  }

  update(skip?: Scalar): void {
    this.updates++
    const [names, old] = [[...this.values.keys()], [...this.values.values()]]
    const next = emaAll(
      old,
      names.map((name) => this.#parameters.get(name).value),
      0.9,
      skip,
    )
    for (const [i, name] of names.entries()) {
      this.values.set(name, keep(next[i]))
      old[i].dispose()
    }
  }

  run<T>(f: () => T): T {
    return this.#parameters.withValues(this.values, f)
  }

  restore(values: ReadonlyMap<string, Tensor>): void {
    this.dispose()
    for (const [name, value] of values) this.values.set(name, keep(value))
  }

  dispose(): void {
    for (const value of this.values.values()) value.dispose()
    this.values.clear()
  }
}

/** Adds noise, and counts what it observes. */
export class ToyNoise implements GradientTransform {
  readonly name = 'noise'
  readonly stages: readonly string[] | undefined
  observed = 0

  constructor(stages?: readonly string[]) {
    this.stages = stages
  }

  observe(step: Step): void {
    if (!step.lastPooled) throw new Error('nothing pooled yet')
    this.observed++
  }

  apply: GradientTransform['apply'] = (gradients, { rng }) => {
    const factor = 1 + 0.1 * rng('noise').normal()
    for (const [name, gradient] of gradients) gradients.set(name, mul(gradient, factor))
    return { factor, observed: this.observed }
  }
}

/** A stage with everything that has state: teacher, moments, dropout, noisy gradients, accumulation. */
export function toyStage(o: Partial<TrainOptions> & { dir?: string; teacher?: ToyTeacher; every?: Teacher['every']; n?: number; dropout?: number } = {}) {
  const random = new Random(3)
  const parameters = new Parameters(random)
  const model = toyModel(parameters, o.dropout)
  const teacher = new ToyTeacher(parameters, o.every ?? 'microBatch')
  const checkpoints = new CheckpointStore({ dir: o.dir, config: { seed: 3, plugins: [], versions: {} }, parameters })
  const stop = new AbortController()
  const context: RunContext = { random, parameters, checkpoints, signal: stop.signal }
  const options: { -readonly [K in keyof TrainOptions]: TrainOptions[K] } = {
    stage: 'toy',
    model,
    teacher,
    samples: toySamples(o.n ?? 11),
    loader: { tokenizer: toyTokenizer, images: toyImages, parts: [], padded: true },
    batchSize: 2,
    optimizer: {
      learningRate: 0.05,
      weightDecay: 0.01,
      betas: [0.9, 0.98],
      eps: 1e-8,
      multiplier: { multiModal: 2, heads: 1 },
      schedule: 'linear',
      warmup: 0.1,
      endFactor: 0,
      accumulate: 2,
    },
    augment: false,
    ahead: 1,
    forward: toyLoss,
    transforms: [new ToyNoise()],
    ...o,
  }
  return { random, parameters, model, teacher, checkpoints, stop, context, options, dispose: () => [teacher.dispose(), parameters.dispose()] }
}
