import { Dataset } from '@unidiag/core/contracts/dataset'
import { Fusion, ImageEncoder, TextEncoder } from '@unidiag/core/contracts/encoders'
import { GradientTransform } from '@unidiag/core/contracts/gradient-transform'
import { ImageLoader } from '@unidiag/core/contracts/image-loader'
import { Stage } from '@unidiag/core/contracts/stage'
import { type Score, Task } from '@unidiag/core/contracts/task'
import { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { UniDiagError } from '@unidiag/core/errors'
import { type EvaluateOptions, evaluate } from '@unidiag/core/evaluate'
import type { RunEvent } from '@unidiag/core/events'
import { VisionLanguageModel } from '@unidiag/core/model'
import { optimizerOptions } from '@unidiag/core/optim/options'
import { definePlugin } from '@unidiag/core/plugin'
import type { RunContext } from '@unidiag/core/run-context'
import { trainingOptions } from '@unidiag/core/stages/options'
import { chooseDataset, trainingSamples } from '@unidiag/core/stages/training-data'
import { ownPair, type Step, type StepLoss } from '@unidiag/core/step'
import { all, type Resolved } from '@unidiag/core/token'
import { train } from '@unidiag/core/train'
import { concat, concatMap, defer, EMPTY, Observable } from 'rxjs'
import { z } from 'zod'

const name = 'fine-tune'

const needs = {
  image: ImageEncoder,
  text: TextEncoder,
  fusion: Fusion,
  tokenizer: Tokenizer,
  images: ImageLoader,
  task: Task,
  datasets: all(Dataset),
  transforms: all(GradientTransform),
} as const

const options = z.strictObject({
  ...trainingOptions,
  /** How token streams become features: the mean of the tokens that are not padding, of all (released code), or token 0 (M3AE). */
  pooling: z.enum(['mean-non-pad', 'mean', 'first']).default('mean-non-pad'),
  /** Defaults of the reference's VQA runs. */
  optimizer: optimizerOptions
    .extend({
      learningRate: z.number().positive().default(5e-6),
      multiplier: z.strictObject({ multiModal: z.number().positive().default(5), heads: z.number().positive().default(50) }).prefault({}),
      schedule: z.enum(['linear', 'cosine', 'constant']).default('cosine'),
    })
    .prefault({}),
  /** The split that chooses the best weights, and how often in epochs; null goes without and keeps the last ones. */
  validationSplit: z.string().nullable().default('val'),
  validateEvery: z.int().positive().default(1),
  /** The split that is scored once, at the end; null for none. */
  testSplit: z.string().nullable().default('test'),
  /** Scores the test split with the weights as they are, and does not train: retrieval straight from pre-training. */
  scoresOnly: z.boolean().default(false),
  /** Permits choosing the weights on the very split that is reported, as the released VQA-RAD runs do. */
  allowSelectionOnTest: z.boolean().default(false),
})

type Options = z.output<typeof options>

/**
 * Supervised tuning of the pipeline's task, with the gradient transforms that name this stage (GM-Coord). Ends with the test
 * split under the weights of the best validation.
 * @throws UniDiagError OPTION_INVALID, SPLIT_FORBIDDEN, SPLIT_UNKNOWN
 */
export const fineTune = definePlugin({
  name: '@unidiag/tuning/fine-tune',
  provides: Stage,
  needs,
  options,
  setup: ({ needs, options }): Stage => fineTuneStage(needs, options),
})

function fineTuneStage(parts: Resolved<typeof needs>, chosen: Options): Stage {
  const { task, tokenizer, images, transforms } = parts
  const { pooling, validationSplit, testSplit, batchSize, scoresOnly } = chosen
  const dataset = chooseDataset(name, parts.datasets, chosen.dataset)
  if (validationSplit !== null && validationSplit === testSplit && !chosen.allowSelectionOnTest)
    throw new UniDiagError('SPLIT_FORBIDDEN', `${name} would choose its weights on "${testSplit}", the split that it reports`, {
      fix: `Use another ${name}.validationSplit, or set ${name}.allowSelectionOnTest: true.`,
    })
  const samples = trainingSamples(name, dataset, chosen)
  for (const split of [validationSplit, testSplit]) if (split !== null) dataset.samples(split)
  const model = new VisionLanguageModel(parts)
  const loader = { tokenizer, images, ...(chosen.maxLength && { maxLength: chosen.maxLength }) }

  const forward = (step: Step): StepLoss => {
    const logits = task.logits(step.pooled(task.view ?? ownPair, pooling), step)
    const loss = task.loss(logits, step)
    return { total: loss, parts: { [task.name]: loss } }
  }
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
  const training = (context: RunContext, lost: LostSamples): Observable<RunEvent> =>
    train(context, {
      ...chosen,
      stage: name,
      model,
      samples,
      loader: { ...loader, parts: [task] },
      forward,
      transforms,
      validate:
        validationSplit === null
          ? undefined
          : { every: chosen.validateEvery, run: () => score(context, validationSplit, { purpose: 'selection', onLost: lost.add }) },
      restoreBest: validationSplit !== null,
    })

  return {
    name,
    run: (context) =>
      defer(() => {
        task.begin?.()
        let epochs = 0
        const lost = new LostSamples()
        const trained = scoresOnly
          ? EMPTY
          : training(context, lost).pipe(
              concatMap((event) => {
                if (event.type === 'stage-start') epochs = event.epochs
                return [...lost.take(), event]
              }),
            )
        return concat(
          trained,
          report(context, lost, () => epochs),
        )
      }),
  }
}

/** Samples that an evaluation could not load, each told once. */
class LostSamples {
  readonly #known = new Set<string>()
  readonly #untold: RunEvent[] = []

  readonly add: NonNullable<EvaluateOptions['onLost']> = ({ id, reason }) => {
    if (!this.#known.has(id)) this.#untold.push({ type: 'sample-lost', stage: name, id, reason })
    this.#known.add(id)
  }

  take(): RunEvent[] {
    return this.#untold.splice(0)
  }
}
