import { Masker } from '@unidiag/core/contracts/objective'
import { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { batchKeys } from '@unidiag/core/data/batch-keys'
import { definePlugin } from '@unidiag/core/plugin'
import type { Rng } from '@unidiag/core/random'
import { z } from 'zod'
import { type MaskMode, selectPositions } from './text-positions.js'

const IGNORED = -100

/** Hides tokens for masked language modelling (reference: the whole-word collator of transformers). Adds `text.masked.ids`, `text.masked.labels` and `text.masked.positions` to a batch. */
export const textMask = definePlugin({
  name: '@unidiag/pretrain/text-mask',
  provides: Masker,
  needs: { tokenizer: Tokenizer },
  options: z.strictObject({
    /** Share of positions to select (P 3.2.1: 15 %). */
    ratio: z.number().gt(0).lt(1).default(0.15),
    /**
     * `hf-wwm-compat`: what the reference's collator does with byte-level BPE: n of all L padded positions, specials then dropped.
     * `token`: n of the real tokens that are not special. `word`: whole words, n tokens at most.
     */
    mode: z.enum(['hf-wwm-compat', 'token', 'word']).default('hf-wwm-compat'),
    /** Share of the selected tokens that become the mask token, and of the others, that become a random one. */
    maskShare: z.number().min(0).max(1).default(0.8),
    randomShare: z.number().min(0).max(1).default(0.5),
  }),
  setup({ needs: { tokenizer }, options }): Masker {
    const { special, vocabSize } = tokenizer
    const specials = new Set(Object.values(special))
    const words = (text: string): readonly number[] => (options.mode === 'word' ? tokenizer.words(text) : [])

    const corrupted = (id: number, rng: Rng): number => {
      if (rng.uniform() < options.maskShare) return special.mask
      return rng.uniform() < options.randomShare ? rng.int(vocabSize) : id
    }

    return {
      name: 'text-mask',
      modality: 'text',
      prepare(draft) {
        const { data, shape } = draft.arrays[batchKeys.textIds]
        const length = shape[1]
        const ids = Int32Array.from(data)
        const labels = new Int32Array(ids.length).fill(IGNORED)
        draft.samples.forEach((sample, row) => {
          const rng = draft.rng('text-mask', sample.id)
          const own = ids.subarray(row * length, (row + 1) * length)
          const selected = selectPositions(
            { ids: own, length: draft.maxLength, words: words(sample.text), specials, ratio: options.ratio, mode: options.mode satisfies MaskMode },
            rng,
          )
          for (const position of selected) {
            labels[row * length + position] = own[position]
            own[position] = corrupted(own[position], rng)
          }
        })
        draft.arrays[batchKeys.maskedTextIds] = { data: ids, shape }
        draft.arrays[batchKeys.maskedTextLabels] = { data: labels, shape }
        draft.arrays[batchKeys.maskedTextPositions] = maskedPositions(labels)
      },
    }
  },
})

/** The places with a label, in flattened order, as `[M]`. */
export function maskedPositions(labels: Int32Array): { data: Int32Array; shape: [number] } {
  const places: number[] = []
  for (let i = 0; i < labels.length; i++) if (labels[i] !== IGNORED) places.push(i)
  return { data: Int32Array.from(places), shape: [places.length] }
}
