import { concat, keep, reshape, type Scalar, type Tensor, type Tensor1D, tidy } from '@tensorflow/tfjs-core'
import type { Teacher } from './contracts/teacher.js'
import type { HostBatch } from './data/batch-draft.js'
import { GradientWindow } from './gradient-window.js'
import { type ComputedGradients, computeGradients } from './nn/compute-gradients.js'
import { noGrad } from './nn/no-grad.js'
import type { Parameter } from './nn/parameter.js'
import { globalNorm } from './ops/global-norm.js'
import { notFinite } from './ops/not-finite.js'
import { AdamW } from './optim/adamw.js'
import { clipByGlobalNorm } from './optim/clip.js'
import { parameterGroups } from './optim/groups.js'
import { schedule } from './optim/schedule.js'
import type { RunContext } from './run-context.js'
import { Step, type StepLoss } from './step.js'
import { readNumbers, type StepNumbers } from './step-numbers.js'
import type { TrainOptions } from './train.js'

/** What an optimiser step did. */
export interface Update extends StepNumbers {
  readonly learningRate: number
  readonly coefficients: Record<string, number>
  readonly samples: number
}

/**
 * The arithmetic of an optimiser step: gradients of its micro-batches one after another, then transforms, clipping, AdamW, teacher. Nothing waits for
 * a number of the step. Where a loss or the gradient is not finite, the backend itself leaves weights and teacher as they are, from then on:
 * steps that follow before the numbers have told of it change nothing either.
 */
export class OptimizerStep {
  readonly optimizer: AdamW
  readonly #context: RunContext
  readonly #o: TrainOptions
  readonly #parameters: readonly Parameter[]
  readonly #transforms: TrainOptions['transforms']
  readonly #factor: (step: number) => number
  readonly #steps: number
  readonly #window = new GradientWindow()
  #samples = 0
  /** 1 once a number of the stage is not finite. */
  #skip: Scalar | undefined

  /** @param steps optimiser steps of the stage */
  constructor(context: RunContext, o: TrainOptions, steps: number) {
    this.#context = context
    this.#o = o
    this.#parameters = context.parameters.trainable()
    this.#transforms = o.transforms.filter((transform) => transform.stages?.includes(o.stage) ?? true)
    this.optimizer = new AdamW(parameterGroups(this.#parameters, o.optimizer), o.optimizer)
    this.#steps = steps
    this.#factor = schedule({ ...o.optimizer, kind: o.optimizer.schedule, steps })
  }

  /** Computes the gradients of a micro-batch. */
  add(batch: HostBatch): void {
    const { stage, model, teacher, apart = [] } = this.#o
    const rng = (...path: (string | number)[]) => this.#context.random.rng('step', stage, batch.index, ...path)
    const compute = (f: (micro: Step) => StepLoss): ComputedGradients =>
      computeGradients(this.#parameters, () => f(new Step({ model, batch, training: true, rng, ...(teacher && { teacher }) })))
    const observed = (micro: Step): StepLoss => {
      const loss = this.#o.forward(micro)
      for (const transform of this.#transforms) noGrad(() => transform.observe?.(micro))
      return loss
    }
    this.#window.begin()
    for (const f of [...apart, observed]) {
      const computed = compute(f)
      this.#window.add(computed)
      this.#watch(computed.losses.values)
    }
    this.#samples += batch.samples.length
  }

  /**
   * Applies what was added.
   * @param step optimiser steps done so far
   * @returns undefined when nothing was added (every sample lost); rejects with UniDiagError GRADIENT_NONFINITE
   */
  apply(step: number): Promise<Update> | undefined {
    const window = this.#window
    if (window.count === 0) return undefined
    const { stage, optimizer } = this.#o
    const coefficients: Record<string, number> = {}
    const factor = this.#factor(step)
    const means = window.means()
    const numbers = tidy(() => {
      const rng = (stream: string) => this.#context.random.rng(stream, stage, step)
      for (const transform of this.#transforms) Object.assign(coefficients, transform.apply(means, { rng, progress: step / this.#steps }))
      const norm = optimizer.clipNorm === undefined ? globalNorm(means.values()) : clipByGlobalNorm(means, optimizer.clipNorm)
      this.#watch(norm)
      this.optimizer.step(means, factor, this.#skip)
      return keep(concat<Tensor1D>([...window.losses.map(({ values }) => values), reshape(norm, [1])]))
    })
    const terms = window.losses.map(({ names }) => names)
    const told = readNumbers(numbers, { stage, step: step + 1, microBatches: window.count, terms })
    const rest = { learningRate: optimizer.learningRate * factor, coefficients, samples: this.#samples }
    const update = told.then((read) => ({ ...read, ...rest }))
    // Its error is raised when it is awaited; until then it is not unhandled.
    update.catch(() => {})
    this.#clear()
    this.updateTeacher('step')
    return update
  }

  /** Lets a teacher that is updated as often as that follow. */
  updateTeacher(every: Teacher['every']): void {
    const { teacher } = this.#o
    if (teacher?.every === every) tidy(() => teacher.update(this.#skip))
  }

  dispose(): void {
    this.#clear()
    this.#skip?.dispose()
    this.optimizer.dispose()
  }

  #watch(values: Tensor): void {
    const before = this.#skip
    this.#skip = keep(notFinite(values, before))
    before?.dispose()
  }

  #clear(): void {
    this.#window.clear()
    this.#samples = 0
  }
}
