import { addN, mul, type Scalar } from '@tensorflow/tfjs-core'
import { z } from 'zod'
import { Dataset } from '../contracts/dataset.js'
import { Fusion, ImageEncoder, TextEncoder } from '../contracts/encoders.js'
import { GradientTransform } from '../contracts/gradient-transform.js'
import { ImageLoader } from '../contracts/image-loader.js'
import { Masker, Objective } from '../contracts/objective.js'
import type { Stage } from '../contracts/stage.js'
import { Teacher } from '../contracts/teacher.js'
import { Tokenizer } from '../contracts/tokenizer.js'
import { UniDiagError } from '../errors.js'
import { VisionLanguageModel } from '../model.js'
import { optimizerOptions } from '../optim/options.js'
import type { Step, StepLoss } from '../step.js'
import { all, optional, type Resolved } from '../token.js'
import { train } from '../train.js'
import { trainingOptions } from './options.js'
import { chooseDataset, trainingSamples } from './training-data.js'

/** What a stage of masked reconstruction needs of its pipeline. */
export const reconstructionNeeds = {
  image: ImageEncoder,
  text: TextEncoder,
  fusion: Fusion,
  tokenizer: Tokenizer,
  images: ImageLoader,
  teacher: optional(Teacher),
  datasets: all(Dataset),
  maskers: all(Masker),
  objectives: all(Objective),
  transforms: all(GradientTransform),
} as const

/** @param objectives names of the objectives that are summed by default */
export const reconstructionOptions = (objectives: readonly string[]) =>
  z.strictObject({
    ...trainingOptions,
    objectives: z
      .array(z.string())
      .min(1)
      .default([...objectives]),
    /** alpha of Eq. 7: how much the feature losses weigh against the pixel and token losses. */
    alpha: z.number().min(0).max(1).default(0.5),
    /** Weights by objective, in place of those of Eq. 7. */
    weights: z.record(z.string(), z.number()).default({}),
    optimizer: optimizerOptions.prefault({}),
  })

export type ReconstructionOptions = z.output<ReturnType<typeof reconstructionOptions>>

/**
 * A stage that restores what maskers hid: the student reads damaged pairs, the teacher whole ones, and the objectives are summed.
 * MR-Pretrain and TD-Calib are this stage on different data with different objectives.
 * @throws UniDiagError PLUGIN_MISSING, OPTION_INVALID, SPLIT_FORBIDDEN, SPLIT_UNKNOWN
 */
export function reconstructionStage(name: string, needs: Resolved<typeof reconstructionNeeds>, options: ReconstructionOptions): Stage {
  const { tokenizer, images, teacher, maskers, transforms, datasets } = needs
  const terms = weightedObjectives(name, needs.objectives, options)
  const samples = trainingSamples(name, chooseDataset(name, datasets, options.dataset), options)
  const { epochs, steps, batchSize, augment, ahead, checkpointEvery, optimizer, maxLength } = options
  return {
    name,
    run: (context) =>
      train(context, {
        stage: name,
        model: new VisionLanguageModel(needs),
        teacher,
        samples,
        loader: { tokenizer, images, parts: [...maskers, ...terms.map(({ objective }) => objective)], ...(maxLength && { maxLength }) },
        batchSize,
        epochs,
        steps,
        optimizer,
        augment,
        ahead,
        checkpointEvery,
        transforms,
        forward: (step) => weightedLoss(terms, step),
      }),
  }
}

export interface WeightedObjective {
  readonly objective: Objective
  readonly weight: number
}

/** Eq. 7: L = (1 - alpha) (MIM + MLM) + alpha (FeaMIM + FeaMLM) + ITM. Objectives that the equation does not know weigh 1. */
export function weightedObjectives(
  stage: string,
  available: readonly Objective[],
  { objectives, alpha, weights }: Pick<ReconstructionOptions, 'objectives' | 'alpha' | 'weights'>,
): WeightedObjective[] {
  const equation: Record<string, number> = { mim: 1 - alpha, mlm: 1 - alpha, feaMim: alpha, feaMlm: alpha, itm: 1 }
  const stray = Object.keys(weights).filter((name) => !objectives.includes(name))
  if (stray.length > 0)
    throw new UniDiagError('OPTION_INVALID', `${stage}.weights names ${stray.join(', ')}, which ${stage}.objectives does not`, {
      fix: `The objectives of the stage are: ${objectives.join(', ')}.`,
    })
  return objectives.map((name) => {
    const objective = available.find((candidate) => candidate.name === name)
    if (objective) return { objective, weight: weights[name] ?? equation[name] ?? 1 }
    throw new UniDiagError('PLUGIN_MISSING', `${stage} needs the objective "${name}"; the pipeline has: ${available.map((o) => o.name).join(', ') || 'none'}`, {
      fix: `Add the plugin that provides it, or leave it out of ${stage}.objectives.`,
    })
  })
}

/** The weighted sum of the objectives' losses. */
export function weightedLoss(terms: readonly WeightedObjective[], step: Step): StepLoss {
  const parts = Object.fromEntries(terms.map(({ objective }) => [objective.name, objective.loss(step)]))
  return { total: addN(terms.map(({ objective, weight }) => mul(parts[objective.name], weight))) as Scalar, parts }
}
