import { tidy } from '@tensorflow/tfjs-core'
import type { HostBatch } from './data/batch-draft.js'
import { UniDiagError } from './errors.js'
import { GradientWindow } from './gradient-window.js'
import { type ComputedGradients, computeGradients } from './nn/compute-gradients.js'
import { noGrad } from './nn/no-grad.js'
import type { Parameter } from './nn/parameter.js'
import { globalNorm } from './ops/global-norm.js'
import { AdamW } from './optim/adamw.js'
import { clipByGlobalNorm } from './optim/clip.js'
import { parameterGroups } from './optim/groups.js'
import { schedule } from './optim/schedule.js'
import type { RunContext } from './run-context.js'
import { Step, type StepLoss } from './step.js'
import type { TrainOptions } from './train.js'

/** What an optimiser step did. */
export interface Update {
  readonly losses: Record<string, number>
  readonly learningRate: number
  /** L2 norm of all gradients, after the transforms and before clipping. */
  readonly gradientNorm: number
  readonly coefficients: Record<string, number>
  readonly samples: number
}

/** The arithmetic of an optimiser step: gradients of its micro-batches one after another, then transforms, clipping, AdamW, teacher. */
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

  /** Computes the gradients of a micro-batch. @param step optimiser steps done so far @throws UniDiagError GRADIENT_NONFINITE */
  add(batch: HostBatch, step: number): void {
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
      if (!Object.values(computed.losses).every(Number.isFinite)) {
        const losses = Object.entries(computed.losses).map(([name, loss]) => `${name} ${loss}`)
        throw new UniDiagError('GRADIENT_NONFINITE', `${stage}: the loss of step ${step + 1} is not finite (${losses.join(', ')})`)
      }
    }
    this.#samples += batch.samples.length
  }

  /** Applies what was added. @returns undefined when nothing was (every sample lost) @throws UniDiagError GRADIENT_NONFINITE */
  apply(step: number): Update | undefined {
    if (this.#window.empty) return undefined
    const { stage, optimizer, teacher } = this.#o
    const coefficients: Record<string, number> = {}
    const factor = this.#factor(step)
    let gradientNorm = 0
    tidy(() => {
      const gradients = this.#window.gradients()
      const rng = (stream: string) => this.#context.random.rng(stream, stage, step)
      for (const transform of this.#transforms) Object.assign(coefficients, transform.apply(gradients, { rng, progress: step / this.#steps }))
      gradientNorm = optimizer.clipNorm === undefined ? globalNorm(gradients.values()) : clipByGlobalNorm(gradients, optimizer.clipNorm)
      if (!Number.isFinite(gradientNorm)) throw new UniDiagError('GRADIENT_NONFINITE', `${stage}: the gradient of step ${step + 1} is not finite`)
      this.optimizer.step(gradients, factor)
    })
    const update = { losses: this.#window.losses(), learningRate: optimizer.learningRate * factor, gradientNorm, coefficients, samples: this.#samples }
    this.#clear()
    if (teacher?.every === 'step') tidy(() => teacher.update())
    return update
  }

  dispose(): void {
    this.#clear()
    this.optimizer.dispose()
  }

  #clear(): void {
    this.#window.clear()
    this.#samples = 0
  }
}
