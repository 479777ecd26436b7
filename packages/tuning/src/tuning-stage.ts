import { Dataset } from '@unidiag/core/contracts/dataset'
import { Fusion, ImageEncoder, type Pooled, TextEncoder } from '@unidiag/core/contracts/encoders'
import { GradientTransform } from '@unidiag/core/contracts/gradient-transform'
import { ImageLoader } from '@unidiag/core/contracts/image-loader'
import type { Stage } from '@unidiag/core/contracts/stage'
import { type Score, Task } from '@unidiag/core/contracts/task'
import { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { UniDiagError } from '@unidiag/core/errors'
import { type EvaluateOptions, evaluate } from '@unidiag/core/evaluate'
import type { RunEvent } from '@unidiag/core/events'
import { VisionLanguageModel } from '@unidiag/core/model'
import type { RunContext } from '@unidiag/core/run-context'
import { chooseDataset, trainingSamples } from '@unidiag/core/stages/training-data'
import type { Step, StepLoss } from '@unidiag/core/step'
import { all, type Resolved } from '@unidiag/core/token'
import { train } from '@unidiag/core/train'
import { concat, concatMap, defer, EMPTY, Observable } from 'rxjs'
import type { TuningOptions } from './tuning-options.js'

export const tuningNeeds = {
  image: ImageEncoder,
  text: TextEncoder,
  fusion: Fusion,
  tokenizer: Tokenizer,
  images: ImageLoader,
  task: Task,
  datasets: all(Dataset),
  transforms: all(GradientTransform),
} as const

/** Tasks whose head a stage of this process has begun to train. */
const begun = new WeakSet<Task>()

/**
 * A stage that trains the task's head on pooled features, validates, and scores the test split at the end.
 * @param featuresOf called once a run: how the features of a micro-batch come about, and so what is trained besides the head
 * @throws UniDiagError OPTION_INVALID, SPLIT_FORBIDDEN, SPLIT_UNKNOWN
 */
export function tuningStage(
  name: string,
  parts: Resolved<typeof tuningNeeds>,
  chosen: TuningOptions,
  featuresOf: () => (step: Step) => Pooled,
  { trains = true }: { trains?: boolean } = {},
): Stage {
  const { task, tokenizer, images, transforms } = parts
  const { pooling, validationSplit, testSplit, batchSize } = chosen
  const dataset = chooseDataset(name, parts.datasets, chosen.dataset)
  if (validationSplit !== null && validationSplit === testSplit && !chosen.allowSelectionOnTest)
    throw new UniDiagError('SPLIT_FORBIDDEN', `${name} would choose its weights on "${testSplit}", the split that it reports`, {
      fix: `Use another ${name}.validationSplit, or set ${name}.allowSelectionOnTest: true.`,
    })
  const samples = trainingSamples(name, dataset, chosen)
  for (const split of [validationSplit, testSplit]) if (split !== null) dataset.samples(split)
  const model = new VisionLanguageModel(parts)
  const loader = { tokenizer, images, ...(chosen.maxLength && { maxLength: chosen.maxLength }) }

  const score = (context: RunContext, split: string, how: Pick<EvaluateOptions, 'purpose' | 'signal' | 'onProgress' | 'onLost'>): Promise<Score> =>
    evaluate({ model, task, dataset, split, loader: { ...loader, parts: [] }, batchSize, pooling, random: context.random, ...how })

  const report = (context: RunContext, lost: LostSamples, epoch: () => number): Observable<RunEvent> =>
    new Observable((subscriber) => {
      const stop = new AbortController()
      const signal = AbortSignal.any([context.signal, stop.signal])
      const onProgress = (message: string): void => subscriber.next({ type: 'note', stage: name, message })
      const run = async (split: string): Promise<void> => {
        signal.throwIfAborted()
        const found = await score(context, split, { signal, onProgress, onLost: lost.add })
        for (const event of lost.take()) subscriber.next(event)
        subscriber.next({ type: 'score', stage: name, epoch: epoch(), score: found })
      }
      const ended = testSplit === null ? Promise.resolve() : run(testSplit)
      ended.then(
        () => subscriber.complete(),
        (error) => (signal.aborted ? subscriber.complete() : subscriber.error(error)),
      )
      return () => stop.abort()
    })
  const training = (context: RunContext, lost: LostSamples): Observable<RunEvent> => {
    const features = featuresOf()
    const forward = (step: Step): StepLoss => {
      const loss = task.loss(task.logits(features(step), step), step)
      return { total: loss, parts: { [task.name]: loss } }
    }
    return train(context, {
      ...chosen,
      stage: name,
      model,
      samples,
      loader: { ...loader, parts: [task], padded: chosen.pooling === 'mean' },
      forward,
      transforms,
      validate:
        validationSplit === null
          ? undefined
          : { every: chosen.validateEvery, run: () => score(context, validationSplit, { purpose: 'selection', onLost: lost.add }) },
      restoreBest: validationSplit !== null,
    })
  }

  return {
    name,
    run: (context) =>
      defer(() => {
        task.begin?.({ trained: begun.has(task) || context.resume?.state.stage === name })
        if (trains) begun.add(task)
        let epochs = 0
        const lost = new LostSamples(name)
        const trained = trains
          ? training(context, lost).pipe(
              concatMap((event) => {
                if (event.type === 'stage-start') epochs = event.epochs
                return [...lost.take(), event]
              }),
            )
          : EMPTY
        return concat(
          trained,
          report(context, lost, () => epochs),
        )
      }),
  }
}

/** Samples that an evaluation could not load, each told once. */
class LostSamples {
  readonly #stage: string
  readonly #known = new Set<string>()
  readonly #untold: RunEvent[] = []

  constructor(stage: string) {
    this.#stage = stage
  }

  readonly add: NonNullable<EvaluateOptions['onLost']> = ({ id, reason }) => {
    if (!this.#known.has(id)) this.#untold.push({ type: 'sample-lost', stage: this.#stage, id, reason })
    this.#known.add(id)
  }

  take(): RunEvent[] {
    return this.#untold.splice(0)
  }
}
