import type { Dataset, Sample } from '../contracts/dataset.js'
import { UniDiagError } from '../errors.js'

/** Which samples a stage trains on. */
export interface TrainingSplit {
  readonly split: string
  readonly allowSplit: boolean
}

/** The data set called `name`; the only one of the pipeline when no name is given. @throws UniDiagError OPTION_INVALID */
export function chooseDataset(stage: string, datasets: readonly Dataset[], name: string | undefined): Dataset {
  const found = name === undefined && datasets.length === 1 ? datasets[0] : datasets.find((dataset) => dataset.name === name)
  if (found) return found
  const names = datasets.map((dataset) => dataset.name).join(', ') || 'none'
  throw new UniDiagError(
    'OPTION_INVALID',
    `${stage}: ${name === undefined ? '`dataset` is not given' : `there is no data set "${name}"`}; the pipeline has: ${names}`,
    {
      fix: `Set ${stage}.dataset to one of them, or add the data set's plugin.`,
    },
  )
}

/**
 * The samples of a stage that trains.
 * @throws UniDiagError SPLIT_FORBIDDEN for any split but `train`, unless `allowSplit` says that it is meant; SPLIT_UNKNOWN
 */
export function trainingSamples(stage: string, dataset: Dataset, { split, allowSplit }: TrainingSplit): readonly Sample[] {
  if (split !== 'train' && !allowSplit)
    throw new UniDiagError('SPLIT_FORBIDDEN', `${stage} would train on the split "${split}" of ${dataset.name}`, {
      fix: `Use split: train, or set ${stage}.allowSplit: true when the split is not used for evaluation.`,
    })
  return dataset.samples(split)
}
