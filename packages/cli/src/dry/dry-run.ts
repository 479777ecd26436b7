import { CheckpointStore } from '@unidiag/core/checkpoint'
import { compose } from '@unidiag/core/compose'
import { GradientTransform } from '@unidiag/core/contracts/gradient-transform'
import { Stage } from '@unidiag/core/contracts/stage'
import { Teacher } from '@unidiag/core/contracts/teacher'
import { UniDiagError } from '@unidiag/core/errors'
import type { RunEvent } from '@unidiag/core/events'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import type { Pipeline } from '@unidiag/core/pipeline'
import { type AnyPlugin, definePlugin } from '@unidiag/core/plugin'
import { RandomSource } from '@unidiag/core/random'
import { z } from 'zod'
import { type Batches, dryPlugins } from './dry-plugins.js'
import { countByModule, type ModuleCount } from './modules.js'
import { type Pass, type ShapeBackend, startShapeBackend } from './shape-backend.js'

/** What a config would take, told without data, weights or arithmetic. */
export interface DryReport {
  readonly name: string
  readonly parameters: { readonly total: number; readonly trainable: number; readonly modules: readonly ModuleCount[] }
  readonly stages: readonly DryStage[]
  /** What stood in for what is not here. */
  readonly notes: readonly string[]
}

export interface DryStage {
  readonly stage: string
  /** Samples of a micro-batch, micro-batches of a step, and steps of the stage where the config says so. */
  readonly batchSize: number
  readonly accumulate: number
  readonly steps?: number
  /** Parameters that get a gradient. */
  readonly trained: number
  /** Parameters that the teacher averages. */
  readonly teacher: number
  /** Of matrix products, for each sample: passes with a gradient, passes without (the teacher), the way back, and all. */
  readonly flopsPerSample: { readonly forward: number; readonly withoutGradient: number; readonly backward: number; readonly total: number }
  /** Of an optimiser step. */
  readonly flopsPerStep: number
  /** Bytes in single precision; `activations` is what else is alive at the peak. */
  readonly memory: {
    readonly weights: number
    readonly teacher: number
    readonly optimizer: number
    readonly gradients: number
    readonly activations: number
    readonly peak: number
  }
}

export interface DryOptions {
  readonly plugins: readonly AnyPlugin[]
  readonly seed?: number
  readonly name: string
}

/**
 * Composes a config and makes two optimiser steps of each stage at its true sizes, with invented data and an engine that follows shapes only.
 * @throws UniDiagError all that composing and running throw
 */
export async function dryRun({ plugins, seed = 0, name }: DryOptions): Promise<DryReport> {
  const notes: string[] = []
  const engine = await startShapeBackend()
  const dry = dryPlugins(plugins, (message) => notes.push(message))
  const gradients = new Gradients()
  const pipeline = await compose({ plugins: [...dry.plugins, gradients.plugin], seed, name })
  try {
    const all = pipeline.get(ParameterStore).all()
    const count = (of: typeof all) => of.reduce((sum, { value }) => sum + value.size, 0)
    const parameters = { total: count(all), trainable: count(all.filter(({ trainable }) => trainable)), modules: countByModule(all) }
    const stages: DryStage[] = []
    for (const [i, stage] of pipeline.getAll(Stage).entries()) {
      const found = await dryStage(pipeline, stage, dry.stages[i], engine, gradients)
      if (found) stages.push(found)
    }
    return { name, parameters, stages, notes }
  } catch (error) {
    const [, operator] = /^Kernel '(\w+)' not registered/.exec((error as Error).message) ?? []
    if (operator === undefined) throw error
    throw new UniDiagError('BACKEND_UNAVAILABLE', `a dry run cannot follow the operator ${operator}`, {
      cause: error,
      fix: 'Run the config for a step instead: set `steps: 1` of its stages.',
    })
  } finally {
    await pipeline.close()
  }
}

/** Sees the gradients of each step. */
class Gradients {
  size = 0
  readonly plugin = definePlugin({
    name: '@unidiag/cli/dry/gradients',
    provides: GradientTransform,
    options: z.strictObject({}),
    setup: (): GradientTransform => ({
      name: 'dry',
      apply: (gradients) => {
        this.size = [...gradients.values()].reduce((sum, { size }) => sum + size, 0)
        return {}
      },
    }),
  })()
}

async function dryStage(
  pipeline: Pipeline,
  stage: Stage,
  batches: Batches | undefined,
  engine: ShapeBackend,
  gradients: Gradients,
): Promise<DryStage | undefined> {
  const parameters = pipeline.get(ParameterStore)
  const stop = new AbortController()
  let found: DryStage | undefined
  const context = {
    random: pipeline.get(RandomSource),
    parameters,
    checkpoints: new CheckpointStore({ config: pipeline.config, parameters }),
    signal: stop.signal,
  }
  const see = (event: RunEvent): void => {
    if (event.type !== 'step' || !batches || found) return
    // Moments are made in the first step; the second is like all others.
    if (event.step === 1 && event.steps > 1) {
      engine.reset()
      return
    }
    found = measured(stage.name, batches, engine, gradients.size, event.samples, {
      weights: parameters.all().reduce((sum, { value }) => sum + value.size, 0),
      teacher: teacherSize(pipeline),
    })
    stop.abort()
  }
  engine.reset()
  await new Promise<void>((resolve, reject) => {
    stage.run(context).subscribe({ next: see, error: reject, complete: resolve })
  })
  return found
}

const teacherSize = (pipeline: Pipeline): number => {
  const [teacher] = pipeline.getAll(Teacher)
  return teacher ? [...teacher.values.values()].reduce((sum, { size }) => sum + size, 0) : 0
}

const FLOAT = 4

function measured(
  stage: string,
  { batchSize, accumulate, steps }: Batches,
  { flops, live, peak }: ShapeBackend,
  trained: number,
  samples: number,
  sizes: { weights: number; teacher: number },
): DryStage {
  const each = (pass: Pass): number => flops[pass] / samples
  const flopsPerSample = { forward: each('recorded'), withoutGradient: each('unrecorded'), backward: each('backward') }
  const total = flopsPerSample.forward + flopsPerSample.withoutGradient + flopsPerSample.backward
  const [weights, teacher, gradients] = [sizes.weights, sizes.teacher, trained].map((size) => size * FLOAT)
  const optimizer = live - weights - teacher
  return {
    stage,
    batchSize,
    accumulate,
    ...(steps !== undefined && { steps }),
    trained,
    teacher: sizes.teacher,
    flopsPerSample: { ...flopsPerSample, total },
    flopsPerStep: total * batchSize * accumulate,
    memory: { weights, teacher, optimizer, gradients, activations: peak - live - gradients, peak },
  }
}
