import { z } from 'zod'
import { Dataset } from '../contracts/dataset.js'
import { Fusion, ImageEncoder, TextEncoder } from '../contracts/encoders.js'
import { GradientTransform } from '../contracts/gradient-transform.js'
import { ImageLoader } from '../contracts/image-loader.js'
import { Masker, Objective } from '../contracts/objective.js'
import type { Stage } from '../contracts/stage.js'
import { Teacher } from '../contracts/teacher.js'
import { Tokenizer } from '../contracts/tokenizer.js'
import { VisionLanguageModel } from '../model.js'
import { optimizerOptions } from '../optim/options.js'
import { all, optional, type Resolved } from '../token.js'
import { train } from '../train.js'
import { trainingOptions } from './options.js'
import { chooseDataset, trainingSamples } from './training-data.js'
import { separable, weightedLoss, weightedObjectives } from './weighted-loss.js'

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
    /** Name of the data set, or of several that are trained on together; may be left out when the pipeline has one. */
    dataset: z.union([z.string(), z.array(z.string()).min(1)]).optional(),
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
  const [together, ...apart] = separable(terms)
  const samples = [options.dataset].flat().flatMap((dataset) => trainingSamples(name, chooseDataset(name, datasets, dataset), options))
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
        forward: (step) => weightedLoss(together, step),
        apart: apart.map((group) => (step) => weightedLoss(group, step)),
      }),
  }
}
