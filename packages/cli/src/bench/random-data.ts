import { Dataset } from '@unidiag/core/contracts/dataset'
import { ImageLoader } from '@unidiag/core/contracts/image-loader'
import { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { definePlugin } from '@unidiag/core/plugin'
import { Random } from '@unidiag/core/random'
import { z } from 'zod'

const random = new Random(0)

/** Pairs of an image and a text that stand for themselves: their id is what the other two plugins draw their values from. */
export const randomPairs = definePlugin({
  name: 'bench/random-pairs',
  provides: Dataset,
  options: z.strictObject({ count: z.int().positive() }),
  setup({ options }): Dataset {
    const samples = Array.from({ length: options.count }, (_, i) => ({ id: String(i), imageId: String(i), image: { file: String(i) }, text: String(i) }))
    return { name: 'random', synthetic: true, splits: ['train'], samples: () => samples }
  },
})

/** Texts of exactly `length` tokens, start and end included. */
export const randomTokens = definePlugin({
  name: 'bench/random-tokens',
  provides: Tokenizer,
  options: z.strictObject({ vocabSize: z.int().positive(), length: z.int().positive() }),
  setup({ options: { vocabSize, length } }): Tokenizer {
    const special = { bos: 0, pad: 1, eos: 2, unk: 3, mask: vocabSize - 1 }
    const encode = (text: string): number[] => {
      const rng = random.rng('bench', 'text', text)
      return [special.bos, ...Array.from({ length: length - 2 }, () => 4 + rng.int(vocabSize - 5)), special.eos]
    }
    return { vocabSize, special, encode, words: (text) => encode(text).map((_, i) => (i === 0 || i === length - 1 ? -1 : i)), fingerprint: 'random' }
  },
})

/** Images that stay in memory: with the same pairs in every step, all of them. */
const KEPT = 64

/** Images of normal noise. */
export const randomImages = definePlugin({
  name: 'bench/random-images',
  provides: ImageLoader,
  options: z.strictObject({ size: z.int().positive() }),
  setup({ options: { size } }): ImageLoader {
    const made = new Map<string, Float32Array>()
    return {
      size,
      async load(image) {
        const id = 'file' in image ? image.file : ''
        const pixels = made.get(id) ?? random.rng('bench', 'image', id).normals(size * size * 3)
        if (made.size < KEPT) made.set(id, pixels)
        return pixels
      },
    }
  },
})
