import { Dataset } from '@unidiag/core/contracts/dataset'
import { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { UniDiagError } from '@unidiag/core/errors'
import { definePlugin } from '@unidiag/core/plugin'
import { all } from '@unidiag/core/token'
import { z } from 'zod'
import { tokenizerFromJson } from './tokenizer-json.js'
import { smallestVocabulary, trainBpe } from './train-bpe.js'

/**
 * A byte-level BPE with the RoBERTa template, trained on the texts (captions and questions) that the pipeline itself trains on.
 * The same texts give the same tokenizer; a run saves its `json`, from which @unidiag/encoders/roberta-bpe makes it again.
 * @throws UniDiagError OPTION_INVALID, SPLIT_UNKNOWN, NO_SAMPLES
 */
export const trainedBpe = definePlugin({
  name: '@unidiag/encoders/trained-bpe',
  provides: Tokenizer,
  needs: { datasets: all(Dataset) },
  options: z.strictObject({
    /** Most tokens; fewer when the texts run out of frequent pairs. */
    vocabSize: z.int().min(smallestVocabulary).default(384),
    /** How often a pair of tokens has to occur to become one. */
    minFrequency: z.int().positive().default(2),
    /** Names of the data sets to learn from; all that have the split when left out. */
    datasets: z.array(z.string()).nonempty().optional(),
    split: z.string().default('train'),
  }),
  setup({ needs, options }) {
    const { split } = options
    const chosen = options.datasets ? options.datasets.map((name) => named(needs.datasets, name)) : needs.datasets.filter((d) => d.splits.includes(split))
    const texts = chosen.flatMap((dataset) => dataset.samples(split).map((sample) => sample.text))
    if (texts.length === 0)
      throw new UniDiagError('NO_SAMPLES', `trained-bpe has no text to learn from: no sample in split "${split}" of ${names(chosen) || 'any data set'}`, {
        fix: `Add a data set with that split, or name another; the pipeline has: ${names(needs.datasets) || 'none'}.`,
      })
    return tokenizerFromJson(trainBpe(texts, options), 'the trained tokenizer')
  },
})

function named(datasets: readonly Dataset[], name: string): Dataset {
  const found = datasets.find((dataset) => dataset.name === name)
  if (!found)
    throw new UniDiagError('OPTION_INVALID', `trained-bpe: \`datasets\` names "${name}", which the pipeline does not have`, {
      fix: `Use one of: ${names(datasets)}.`,
    })
  return found
}

const names = (datasets: readonly Dataset[]): string => datasets.map((dataset) => `${dataset.name} (${dataset.splits.join(', ')})`).join(', ')
