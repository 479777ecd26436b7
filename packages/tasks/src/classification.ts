import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core'
import { Dataset } from '@unidiag/core/contracts/dataset'
import { Fusion, type Pooled } from '@unidiag/core/contracts/encoders'
import { Task } from '@unidiag/core/contracts/task'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import { definePlugin } from '@unidiag/core/plugin'
import { RandomSource } from '@unidiag/core/random'
import { chooseDataset } from '@unidiag/core/stages/training-data'
import { all } from '@unidiag/core/token'
import { z } from 'zod'
import { ClassList } from './class-list.js'
import { ClassificationEvaluator } from './classification-evaluator.js'
import { crossEntropyOfLabels, probabilityOfLabels } from './label-loss.js'
import { PairHead } from './pair-head.js'

const LABEL = 'cls.label'

/**
 * Classification of image-text pairs (reference: objectives.py, my_metrics.py), parameters `cls_head.*`. Prepares `cls.label` `[B]` int32: the class of each sample, -1 when it
 * has no label or one that the head cannot give; such a sample gives no training signal.
 */
export const classification = definePlugin({
  name: '@unidiag/tasks/classification',
  provides: Task,
  needs: { parameters: ParameterStore, fusion: Fusion, random: RandomSource, datasets: all(Dataset) },
  options: z.strictObject({
    /** Name of the data set of labelled pairs; needed when the pipeline has several. */
    dataset: z.string().optional(),
    /** Field of a sample that holds its label. The default is the column of MELINDA that all runs of the reference use. */
    column: z.string().min(1).default('p_meth_label'),
    /** Splits whose labels the head can give. The reference also takes those of its test split (reference: objectives.py, my_metrics.py). */
    classSplits: z.array(z.string()).min(1).default(['train']),
    /** Resamples of the bootstrap intervals. */
    resamples: z.int().positive().default(2000),
    /** The task state of a checkpoint; taken instead of the labels of the data set, which then need not be there. */
    state: z.strictObject({ classes: z.array(z.string()).min(1), column: z.string(), source: z.string(), majority: z.string() }).optional(),
  }),
  setup({ needs: { parameters, fusion, random, datasets }, options }): Task {
    const classes = options.state
      ? new ClassList(options.state)
      : ClassList.collect(chooseDataset('classification', datasets, options.dataset), options.column, options.classSplits)
    const head = new PairHead(parameters, 'cls_head', fusion.width, classes.size)
    return {
      name: 'classification',
      outputs: classes.size,
      state: { ...classes.state },
      label: (index) => classes.state.classes[index],
      prepare(draft) {
        draft.arrays[LABEL] = { data: Int32Array.from(draft.samples, (sample) => classes.index(sample)), shape: [draft.samples.length] }
      },
      logits: (pooled: Pooled): Tensor2D => head.logits(pooled),
      loss: (logits, step): Scalar => crossEntropyOfLabels(logits, step.get<Tensor1D>(LABEL)),
      unimodal: (pooled, mode) => head.unimodal(pooled, mode),
      groundTruth: (logits, step): Tensor1D => probabilityOfLabels(logits, step.get<Tensor1D>(LABEL)),
      evaluator: () => new ClassificationEvaluator(classes, random, options.resamples),
    }
  },
})
