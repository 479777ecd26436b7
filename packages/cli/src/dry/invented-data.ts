import type { Dataset, Sample } from '@unidiag/core/contracts/dataset'
import type { Tokenizer } from '@unidiag/core/contracts/tokenizer'

/** Answers and classes that the literature counts in the data sets (reference: config.py): the sizes of the heads. */
const answers: Readonly<Record<string, number>> = { 'vqa-rad': 498, slake: 222, 'vqa-med-2019': 79 }
const melinda: Readonly<Record<string, number>> = { i_meth: 85, p_meth: 45, i_meth_label: 15, p_meth_label: 7 }
const OTHERWISE = 100

/** Longer than any text row. */
const text = 'word '.repeat(512)

const pixels = () => ({ data: new Uint8Array(3), width: 1, height: 1, channels: 3 as const })

/**
 * Pairs that mean nothing, with texts that fill every row, and as many different answers and classes as the data set is known to have.
 * @param entry last part of the entry of the data set's plugin @param count samples a split
 */
export function inventedDataset(entry: string, name: string, count: number): Dataset {
  const splits = ['train', 'val', 'test']
  const made = new Map<string, readonly Sample[]>()
  const sample = (split: string, i: number): Sample => ({
    id: `${name}/${split}/${i}`,
    imageId: `${name}/${split}/${i}`,
    image: { pixels },
    text,
    answers: [`answer ${i % (answers[entry] ?? OTHERWISE)}`],
    answerType: i % 2 === 0 ? 'open' : 'closed',
    fields: Object.fromEntries(Object.entries(melinda).map(([column, classes]) => [column, `class ${i % classes}`])),
  })
  return {
    name,
    synthetic: true,
    splits,
    samples(split) {
      const samples = made.get(split) ?? Array.from({ length: count }, (_, i) => sample(split, i))
      made.set(split, samples)
      return samples
    },
  }
}

/** One id a word, with the special tokens of RoBERTa. */
export function inventedTokenizer(vocabSize: number): Tokenizer {
  const words = (of: string): string[] => of.split(' ').filter((word) => word !== '')
  return {
    vocabSize,
    special: { bos: 0, pad: 1, eos: 2, unk: 3, mask: vocabSize - 1 },
    encode: (of) => [0, ...words(of).map((_, i) => 4 + (i % (vocabSize - 5))), 2],
    words: (of) => [-1, ...words(of).keys(), -1],
    fingerprint: 'invented',
  }
}
