import type { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { UniDiagError } from '@unidiag/core/errors'
import { z } from 'zod'

interface Defaults {
  readonly maxPositions: number
  readonly eps: number
  /** Rows of the position table that no token of a text has. */
  readonly before: number
}

/** Options of a text transformer. Sizes are those of the base models. */
export const textOptions = ({ maxPositions, eps, before }: Defaults) =>
  z
    .strictObject({
      /** Rows of the word table; the tokenizer's vocabulary when left out. */
      vocabSize: z.int().positive().optional(),
      width: z.int().positive().default(768),
      layers: z.int().positive().default(12),
      heads: z.int().positive().default(12),
      /** Hidden width of the feed-forward part. */
      ffn: z.int().positive().default(3072),
      /** Rows of the position table. */
      maxPositions: z.int().positive().default(maxPositions),
      /** Tokens a text, specials included: 64 in pre-training, 32 for VQA (reference: config.py). */
      maxLength: z.int().positive().default(64),
      dropout: z.number().min(0).lt(1).default(0.1),
      eps: z.number().positive().default(eps),
      /** Standard deviation of new weights. */
      initStd: z.number().positive().default(0.02),
    })
    .refine(({ width, heads }) => width % heads === 0, { path: ['heads'], message: 'has to divide `width`' })
    .refine(({ maxLength, maxPositions: rows }) => maxLength + before <= rows, {
      path: ['maxLength'],
      message: before === 0 ? 'may be `maxPositions` at most' : `may be \`maxPositions\` - ${before} at most`,
    })

/**
 * Rows of the word table.
 * @param name entry of the plugin @param asked its option `vocabSize`
 * @throws UniDiagError OPTION_INVALID when nothing says how many, TENSOR_SHAPE when they do not hold the tokenizer's ids
 */
export function vocabularySize(name: string, asked: number | undefined, tokenizer: Tokenizer | undefined): number {
  const option = `${name.slice(name.lastIndexOf('/') + 1)}.vocabSize`
  const size = asked ?? tokenizer?.vocabSize
  if (size === undefined)
    throw new UniDiagError('OPTION_INVALID', `${name}: \`vocabSize\` is not given, and the pipeline has no tokenizer to take it from`, {
      fix: `Add a tokenizer plugin, or set ${option}.`,
    })
  if (tokenizer && tokenizer.vocabSize > size)
    throw new UniDiagError('TENSOR_SHAPE', `${name} has a word table of ${size} rows, but the tokenizer makes ${tokenizer.vocabSize} different ids`, {
      fix: `Leave ${option} out, or set it to ${tokenizer.vocabSize}.`,
    })
  return size
}
