import { memory } from '@tensorflow/tfjs-core'
import { defer, type Observable } from 'rxjs'
import { runsAhead } from './backend/runs-ahead.js'
import type { CheckpointKind, CheckpointState } from './checkpoint.js'
import type { Sample } from './contracts/dataset.js'
import type { GradientTransform } from './contracts/gradient-transform.js'
import type { ImageLoader } from './contracts/image-loader.js'
import type { BatchPart } from './contracts/objective.js'
import type { Score } from './contracts/task.js'
import type { Teacher } from './contracts/teacher.js'
import type { Tokenizer } from './contracts/tokenizer.js'
import { BatchLoader } from './data/loader.js'
import { UniDiagError } from './errors.js'
import type { RunEvent, StepEvent } from './events.js'
import type { VisionLanguageModel } from './model.js'
import type { OptimizerOptions } from './optim/options.js'
import { OptimizerStep, type Update } from './optimizer-step.js'
import { prefetch, pump } from './pump.js'
import { restoreTraining } from './restore-training.js'
import type { RunContext } from './run-context.js'
import type { Step, StepLoss } from './step.js'
import { stepPlan } from './step-plan.js'

/** How samples become batches. */
export interface BatchInputs {
  readonly tokenizer: Tokenizer
  readonly images: ImageLoader
  /** Length L of the text rows; the text encoder's longest when left out. */
  readonly maxLength?: number | undefined
  /** See BatchLoaderOptions. */
  readonly padded?: boolean | undefined
  readonly parts: readonly BatchPart[]
}

export interface TrainOptions {
  readonly stage: string
  readonly model: VisionLanguageModel
  readonly teacher?: Teacher | undefined
  readonly samples: readonly Sample[]
  readonly loader: BatchInputs
  /** Samples of a micro-batch; `optimizer.accumulate` of them make an optimiser step. */
  readonly batchSize: number
  /** Training ends after `epochs` or `steps`, whichever comes first; one epoch when neither is given. */
  readonly epochs?: number | undefined
  readonly steps?: number | undefined
  readonly optimizer: OptimizerOptions
  readonly augment: boolean
  /** Batches prepared ahead of the step. */
  readonly ahead: number
  forward(step: Step): StepLoss
  /** More terms of the loss that share no pass with it: each is walked back on its own, which lowers the peak of memory and changes no gradient. */
  readonly apart?: readonly ((step: Step) => StepLoss)[]
  /** Those that name other stages are left out. */
  readonly transforms: readonly GradientTransform[]
  /** Scores the model after every `every` epochs and at the end; an improvement of the primary metric writes `best`. */
  readonly validate?: { readonly every: number; run(epoch: number): Promise<Score | undefined> } | undefined
  /** Optimiser steps between checkpoints; besides at the end and when stopped. */
  readonly checkpointEvery?: number | undefined
  /** Ends with the weights of the best validation instead of the last ones. */
  readonly restoreBest?: boolean
}

/**
 * Trains a stage. Cold; unsubscribing or aborting `context.signal` stops at the next optimiser step and writes `last`.
 * Steps and epochs of events count from 1. What a step does depends on the seed and its position only, so a resumed stage goes on bit for bit.
 * @throws (as an error of the observable) UniDiagError NO_SAMPLES, GRADIENT_NONFINITE
 */
export function train(context: RunContext, o: TrainOptions): Observable<RunEvent> {
  return defer(() => pump(trainEvents(context, o), (event) => event, { ahead: 0 }))
}

/** An optimiser step that is done, or queued, but not yet told of. */
interface Untold extends Pick<StepEvent, 'step' | 'epoch'> {
  /** Samples that were lost on the way to it. */
  readonly lost: readonly RunEvent[]
  readonly update: Promise<Update> | undefined
}

/**
 * Every `yield` is at a step boundary: wherever the consumer stops, the state is whole. Where the backend computes in the background, a step is told of
 * when the next is queued, so that it never waits; before anything that reads the weights, and at the end, all have been told of.
 */
async function* trainEvents(context: RunContext, o: TrainOptions): AsyncGenerator<RunEvent, void, undefined> {
  const { stage, teacher, validate, samples, batchSize, augment, ahead } = o
  const maxLength = o.loader.maxLength ?? o.model.text.maxLength
  const loader = new BatchLoader({ ...o.loader, maxLength, samples, batchSize, augment, shuffle: true, random: context.random, stage })
  const plan = stepPlan({ batchesPerEpoch: loader.batchesPerEpoch, accumulate: o.optimizer.accumulate, epochs: o.epochs, steps: o.steps })
  if (plan.steps === 0) throw new UniDiagError('NO_SAMPLES', `${stage} has no samples to train on`)

  const computing = new OptimizerStep(context, o, plan.steps)
  const late = runsAhead()
  let at: CheckpointState = { stage, step: 0, validated: 0 }
  let unsaved = false
  let failed = false
  const untold: Untold[] = []
  let before = 0

  /** Waits for the numbers of the oldest steps, until only so many are left. */
  async function* tell(left: number): AsyncGenerator<RunEvent, void, undefined> {
    for (let next = untold[0]; untold.length > left; next = untold[0]) {
      const { lost, update: coming, ...where } = next
      const update = await coming?.catch((error) => {
        untold.length = 0
        throw error
      })
      untold.shift()
      yield* lost
      const seconds = (performance.now() - before) / 1000
      if (update) yield { type: 'step', stage, steps: plan.steps, ...where, ...update, seconds, tensors: memory().numTensors }
      before = performance.now()
    }
  }

  const save = async (kind: CheckpointKind): Promise<RunEvent[]> => {
    const rest = kind === 'last' && { optimizer: computing.optimizer, teacher: teacher?.values }
    const file = await context.checkpoints.save(kind, { state: at, ...rest })
    if (kind === 'last') unsaved = false
    return file === undefined ? [] : [{ type: 'checkpoint', stage, kind, step: at.step, file }]
  }

  const score = async (): Promise<RunEvent[]> => {
    const due = at.step === plan.steps || (plan.endsEpoch(at.step) && (at.step / plan.stepsPerEpoch) % (validate?.every ?? 1) === 0)
    if (!validate || !due || at.validated === at.step) return []
    const epoch = Math.ceil(at.step / plan.stepsPerEpoch)
    const found = await validate.run(epoch)
    unsaved = true
    at = { ...at, validated: at.step }
    if (!found) return []
    const { value } = found.metrics[found.primary]
    const better = at.best === undefined || value > at.best.value
    if (better) at = { ...at, best: { value, step: at.step } }
    return [{ type: 'score', stage, epoch, score: found }, ...(better ? await save('best') : [])]
  }

  try {
    at = restoreTraining(context, { stage, optimizer: computing.optimizer, teacher })
    yield { type: 'stage-start', stage, samples: samples.length, steps: plan.steps, epochs: plan.epochs, batchSize, resumedAt: at.step }
    const started = performance.now()
    const first = at.step
    if (at.step > 0) yield* await score()

    const reported = new Set<string>()
    const lost: RunEvent[] = []
    before = started
    let survivors = 0
    const epochs = at.step < plan.steps ? plan.epochs : 0
    for await (const batch of prefetch(loader.batches({ epochs, from: plan.firstBatch(at.step) }), ahead)) {
      for (const { id, reason } of batch.lost) {
        if (!reported.has(id)) lost.push({ type: 'sample-lost', stage, id, reason })
        reported.add(id)
      }
      survivors += batch.samples.length
      if (batch.samples.length > 0) computing.add(batch)
      const ends = plan.endsWindow(batch.index)
      const update = ends ? computing.apply(at.step) : undefined
      if (batch.samples.length > 0) computing.updateTeacher('microBatch')
      if (!ends) continue

      at = { ...at, step: at.step + 1 }
      unsaved = true
      untold.push({ step: at.step, epoch: batch.epoch + 1, lost: lost.splice(0), update })
      const saves = o.checkpointEvery !== undefined && at.step % o.checkpointEvery === 0
      yield* tell(late ? 1 : 0)
      if (late && !saves && !plan.endsEpoch(at.step) && at.step < plan.steps && !context.signal.aborted) continue
      yield* tell(0)
      if (plan.endsEpoch(at.step)) {
        if (survivors === 0 && at.step - first >= plan.stepsPerEpoch)
          throw new UniDiagError('NO_SAMPLES', `${stage}: every sample of epoch ${batch.epoch + 1} was lost`)
        survivors = 0
      }
      if (context.signal.aborted) break
      yield* await score()
      if (at.step === plan.steps) break
      if (saves) yield* await save('last')
      before = performance.now()
    }

    if (unsaved) yield* await save('last')
    if (context.signal.aborted) {
      yield { type: 'note', stage, message: `stopped after step ${at.step} of ${plan.steps}` }
      return
    }
    if (o.restoreBest && at.best) {
      const best = await context.checkpoints.load('best')
      if (best) context.parameters.load(best.weights, { strict: true, from: best.file })
    }
    yield { type: 'stage-end', stage, steps: at.step, seconds: (performance.now() - started) / 1000 }
  } catch (error) {
    failed = true
    // The steps before it come first, and what went wrong in them.
    yield* tell(0)
    throw error
  } finally {
    try {
      // The consumer has unsubscribed: nobody hears of this checkpoint, but a resume needs it. A step that was not finite is none to go on from.
      for (const { update } of untold) await update
      if (unsaved && !failed) await save('last')
    } finally {
      computing.dispose()
    }
  }
}
