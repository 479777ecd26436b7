import type { Dataset, Sample } from '@unidiag/core/contracts/dataset'
import type { ImageLoader } from '@unidiag/core/contracts/image-loader'
import type { BatchPart } from '@unidiag/core/contracts/objective'
import type { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import type { BatchDraft, HostBatch } from '@unidiag/core/data/batch-draft'
import { batchKeys } from '@unidiag/core/data/batch-keys'
import type { HostArray } from '@unidiag/core/data/host-array'
import { UniDiagError } from '@unidiag/core/errors'
import { Random } from '@unidiag/core/random'

/** Texts, tokens and pixels that fit `tinyModel`: every number follows from the id of a sample. */
const random = new Random(7)

/** `count` samples of 2 to 6 words, two samples an image. */
export const tinySamples = (count: number, prefix = 'sample'): Sample[] =>
  Array.from({ length: count }, (_, i) => {
    const id = `${prefix}-${i}`
    const rng = random.rng('text', id)
    const words = Array.from({ length: 2 + rng.int(5) }, () => 'abcdefghijklmnopq'[rng.int(17)])
    const pixels = () => ({ data: new Uint8Array(8 * 8 * 3), width: 8, height: 8, channels: 3 as const })
    const answer = rng.int(2) === 0 ? 'yes' : 'no'
    return {
      id,
      imageId: `${prefix}-image-${i >> 1}`,
      image: { pixels },
      text: words.join(' '),
      answers: [answer],
      answerType: 'closed',
      fields: { answer },
    }
  })

/** One letter a word; `<s>` 0, `<pad>` 1, `</s>` 2, `<unk>` 3, letters from 4, `<mask>` 23. Letter `q` is two tokens. */
export const tinyTokenizer: Tokenizer = {
  vocabSize: 24,
  special: { bos: 0, pad: 1, eos: 2, unk: 3, mask: 23 },
  fingerprint: 'tiny',
  encode: (text) => [0, ...letters(text).flatMap((letter) => ids(letter)), 2],
  words: (text) => [-1, ...letters(text).flatMap((letter, i) => ids(letter).map(() => i)), -1],
}

const letters = (text: string): string[] => text.split(' ').filter((letter) => letter !== '')
const ids = (letter: string): number[] => (letter === 'q' ? [20, 21] : [4 + 'abcdefghijklmnop'.indexOf(letter)])

/** Normalised pixels that follow from the image source's sample. */
export const tinyPixels = (sample: Sample): Float32Array => random.rng('pixels', sample.imageId).normals(8 * 8 * 3)

/** Loads the same noise for every image; the tiny samples hold no real pixels. */
export const tinyImages: ImageLoader = { size: 8, load: async () => random.rng('pixels').normals(8 * 8 * 3) }

/** A data set of tiny samples. */
export const tinyDataset = (splits: Readonly<Record<string, number>> = { train: 12, val: 4, test: 4 }, name = 'tiny'): Dataset => {
  const samples = Object.fromEntries(Object.entries(splits).map(([split, count]) => [split, tinySamples(count, split)]))
  const of = (split: string): readonly Sample[] => {
    if (samples[split]) return samples[split]
    throw new UniDiagError('SPLIT_UNKNOWN', `${name} has no split "${split}"; it has ${Object.keys(splits).join(', ')}`)
  }
  return { name, synthetic: true, splits: Object.keys(splits), samples: of }
}

export interface TinyBatchOptions {
  readonly samples?: readonly Sample[]
  readonly pool?: readonly Sample[]
  readonly epoch?: number
  readonly seed?: number
  readonly parts?: readonly BatchPart[]
  readonly length?: number
}

/** A draft with image and text, before parts are added. */
export function tinyDraft({ samples = tinySamples(4), pool = samples, epoch = 0, seed = 0, length = 8 }: TinyBatchOptions = {}): BatchDraft {
  const source = new Random(seed)
  const text = new Int32Array(samples.length * length).fill(tinyTokenizer.special.pad)
  const mask = new Float32Array(samples.length * length)
  const image = new Float32Array(samples.length * 8 * 8 * 3)
  samples.forEach((sample, row) => {
    const encoded = tinyTokenizer.encode(sample.text).slice(0, length)
    text.set(encoded, row * length)
    mask.fill(1, row * length, row * length + encoded.length)
    image.set(tinyPixels(sample), row * 8 * 8 * 3)
  })
  const arrays: Record<string, HostArray> = {
    [batchKeys.image]: { data: image, shape: [samples.length, 8, 8, 3] },
    [batchKeys.textIds]: { data: text, shape: [samples.length, length] },
    [batchKeys.textMask]: { data: mask, shape: [samples.length, length] },
  }
  const rng: BatchDraft['rng'] = (stream, sampleId) => source.rng(stream, epoch, ...(sampleId === undefined ? [] : [sampleId]))
  return { index: 0, epoch, samples, pool, maxLength: length, arrays, rng, image: async (sample) => tinyPixels(sample) }
}

/** A batch ready for a step. */
export async function tinyBatch(o: TinyBatchOptions = {}): Promise<HostBatch> {
  const draft = tinyDraft(o)
  for (const part of o.parts ?? []) await part.prepare?.(draft)
  return { ...draft, lost: [] }
}
