import { TextEncoder } from '@unidiag/core/contracts/encoders'
import { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { UniDiagError } from '@unidiag/core/errors'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import { definePlugin } from '@unidiag/core/plugin'
import { optional } from '@unidiag/core/token'
import { z } from 'zod'
import { PAD, RobertaEncoder } from './roberta-encoder.js'

const name = '@unidiag/encoders/roberta'

/**
 * RoBERTa without its pooler (reference: roberta-base of transformers). Defaults: roberta-base.
 * @throws UniDiagError OPTION_INVALID, TENSOR_SHAPE when the vocabulary does not hold the tokenizer's
 */
export const roberta = definePlugin({
  name,
  provides: TextEncoder,
  needs: { parameters: ParameterStore, tokenizer: optional(Tokenizer) },
  options: z
    .strictObject({
      /** Rows of the word table; the tokenizer's vocabulary when left out. */
      vocabSize: z.int().positive().optional(),
      width: z.int().positive().default(768),
      layers: z.int().positive().default(12),
      heads: z.int().positive().default(12),
      /** Hidden width of the feed-forward part. */
      ffn: z.int().positive().default(3072),
      /** Rows of the position table; the first two belong to padding. */
      maxPositions: z.int().positive().default(514),
      /** Tokens a text, specials included: 64 in pre-training, 32 for VQA (reference: roberta-base of transformers). */
      maxLength: z.int().positive().default(64),
      dropout: z.number().min(0).lt(1).default(0.1),
      eps: z.number().positive().default(1e-5),
      /** Standard deviation of new weights. */
      initStd: z.number().positive().default(0.02),
    })
    .refine(({ width, heads }) => width % heads === 0, { path: ['heads'], message: 'has to divide `width`' })
    .refine(({ maxLength, maxPositions }) => maxLength + PAD + 1 <= maxPositions, { path: ['maxLength'], message: 'may be `maxPositions` - 2 at most' }),
  setup({ needs: { parameters, tokenizer }, options }) {
    const vocabSize = options.vocabSize ?? tokenizer?.vocabSize
    if (vocabSize === undefined)
      throw new UniDiagError('OPTION_INVALID', `${name}: \`vocabSize\` is not given, and the pipeline has no tokenizer to take it from`, {
        fix: 'Add a tokenizer plugin, or set roberta.vocabSize.',
      })
    if (tokenizer && tokenizer.vocabSize > vocabSize)
      throw new UniDiagError('TENSOR_SHAPE', `${name} has a word table of ${vocabSize} rows, but the tokenizer makes ${tokenizer.vocabSize} different ids`, {
        fix: `Leave roberta.vocabSize out, or set it to ${tokenizer.vocabSize}.`,
      })
    if (tokenizer && tokenizer.special.pad !== PAD)
      throw new UniDiagError('OPTION_INVALID', `${name} counts positions from padding id ${PAD}, but the tokenizer pads with ${tokenizer.special.pad}`, {
        fix: 'Use a tokenizer with the RoBERTa template.',
      })
    return new RobertaEncoder(parameters, { ...options, vocabSize, name })
  },
})
