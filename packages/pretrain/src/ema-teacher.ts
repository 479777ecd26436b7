import { clone, keep, type Scalar, type Tensor } from '@tensorflow/tfjs-core'
import { Teacher } from '@unidiag/core/contracts/teacher'
import { noGrad } from '@unidiag/core/nn/no-grad'
import { drawValue, type Parameter, ParameterStore, type Parameters } from '@unidiag/core/nn/parameter'
import { emaAll } from '@unidiag/core/ops/ema'
import { definePlugin } from '@unidiag/core/plugin'
import { type Random, RandomSource } from '@unidiag/core/random'
import { z } from 'zod'

const options = z.strictObject({
  /** lambda of the exponential moving average (P 4.2.1). */
  decay: z.number().min(0).max(1).default(0.995),
  /** One update an optimiser step, or one a micro-batch as the released code does. */
  every: z.enum(['step', 'microBatch']).default('step'),
  /** Dropout in the teacher, as in the released code. */
  dropout: z.boolean().default(false),
  /** `copy`: starts equal to the student. `config`: built anew as in the released code, equal encoders and another draw of all the rest. */
  initFrom: z.enum(['copy', 'config']).default('copy'),
  /** `encoders`: encoders, projections, type embedding and fusion, all that its features need. `all`: heads as well, as in the released code. */
  scope: z.enum(['encoders', 'all']).default('encoders'),
})

/** A teacher whose parameters follow the student's: theta_bar <- lambda * theta_bar + (1 - lambda) * theta (reference: modelemav2.py). */
export const emaTeacher = definePlugin({
  name: '@unidiag/pretrain/ema-teacher',
  provides: Teacher,
  needs: { parameters: ParameterStore, random: RandomSource },
  options,
  setup: ({ needs: { parameters, random }, options }): Teacher => new EmaTeacher(parameters, random, options),
  teardown: (teacher) => teacher.dispose(),
})

/** Heads and projections of objectives and tasks, by reference name. */
const isHead = (name: string): boolean => name.includes('_head.') || name.startsWith('feal_') || name.startsWith('feai_')

/** What a model built from its config takes from published weights rather than from a random draw. */
const isPretrained = (name: string): boolean => name.startsWith('vision_encoder.') || name.startsWith('language_encoder.')

class EmaTeacher implements Teacher {
  readonly every: 'step' | 'microBatch'
  readonly dropout: boolean
  readonly #parameters: Parameters
  readonly #random: Random
  readonly #options: z.output<typeof options>
  readonly #values = new Map<string, Tensor>()

  constructor(parameters: Parameters, random: Random, chosen: z.output<typeof options>) {
    this.every = chosen.every
    this.dropout = chosen.dropout
    this.#parameters = parameters
    this.#random = random
    this.#options = chosen
  }

  get values(): ReadonlyMap<string, Tensor> {
    return this.#values
  }

  start(): void {
    this.restore(new Map(this.#followed().map((parameter) => [parameter.name, this.#initial(parameter)])))
  }

  update(skip?: Scalar): void {
    const { decay } = this.#options
    const [names, old] = [[...this.#values.keys()], [...this.#values.values()]]
    const next = emaAll(
      old,
      names.map((name) => this.#parameters.get(name).value),
      decay,
      skip,
    )
    for (const [i, name] of names.entries()) {
      this.#values.set(name, keep(next[i]))
      old[i].dispose()
    }
  }

  run<T>(f: () => T): T {
    return this.#parameters.withValues(this.#values, () => noGrad(f as () => Tensor)) as T
  }

  restore(values: ReadonlyMap<string, Tensor>): void {
    this.dispose()
    for (const [name, value] of values) this.#values.set(name, keep(value))
  }

  dispose(): void {
    for (const value of this.#values.values()) value.dispose()
    this.#values.clear()
  }

  #followed(): readonly Parameter[] {
    const all = this.#parameters.all()
    return this.#options.scope === 'all' ? all : all.filter(({ name }) => !isHead(name))
  }

  #initial({ name, shape, value, init }: Parameter): Tensor {
    return this.#options.initFrom === 'copy' || isPretrained(name) ? clone(value) : drawValue(shape, init, this.#random.rng('teacher-init', name))
  }
}
