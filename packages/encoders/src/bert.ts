import { TextEncoder } from '@unidiag/core/contracts/encoders'
import { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import { definePlugin } from '@unidiag/core/plugin'
import { optional } from '@unidiag/core/token'
import { textOptions, vocabularySize } from './text-options.js'
import { TextTransformer } from './text-transformer.js'

const name = '@unidiag/encoders/bert'

/** `[PAD]` in the vocabularies of BERT and SciBERT. */
const PAD = 0

/**
 * BERT without its pooler (Devlin et al., NAACL 2019; reference: bert-base-uncased of transformers), which SciBERT is too: positions from 0, two token types
 * of which texts are the first. Defaults: bert-base.
 * @throws UniDiagError OPTION_INVALID, TENSOR_SHAPE when the vocabulary does not hold the tokenizer's
 */
export const bert = definePlugin({
  name,
  provides: TextEncoder,
  needs: { parameters: ParameterStore, tokenizer: optional(Tokenizer) },
  options: textOptions({ maxPositions: 512, eps: 1e-12, before: 0 }),
  setup({ needs: { parameters, tokenizer }, options }) {
    const vocabSize = vocabularySize(name, options.vocabSize, tokenizer)
    return new TextTransformer(parameters, { ...options, vocabSize, name, pad: tokenizer?.special.pad ?? PAD, positions: 'place', tokenTypes: 2 })
  },
})
