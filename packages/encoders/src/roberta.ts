import { TextEncoder } from '@unidiag/core/contracts/encoders'
import { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { UniDiagError } from '@unidiag/core/errors'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import { definePlugin } from '@unidiag/core/plugin'
import { optional } from '@unidiag/core/token'
import { textOptions, vocabularySize } from './text-options.js'
import { TextTransformer } from './text-transformer.js'

const name = '@unidiag/encoders/roberta'

/** `<pad>` in every RoBERTa vocabulary; positions count from it. */
const PAD = 1

/**
 * RoBERTa without its pooler (reference: roberta-base of transformers). Defaults: roberta-base.
 * @throws UniDiagError OPTION_INVALID, TENSOR_SHAPE when the vocabulary does not hold the tokenizer's
 */
export const roberta = definePlugin({
  name,
  provides: TextEncoder,
  needs: { parameters: ParameterStore, tokenizer: optional(Tokenizer) },
  // The first two positions belong to padding.
  options: textOptions({ maxPositions: 514, eps: 1e-5, before: PAD + 1 }),
  setup({ needs: { parameters, tokenizer }, options }) {
    const vocabSize = vocabularySize(name, options.vocabSize, tokenizer)
    if (tokenizer && tokenizer.special.pad !== PAD)
      throw new UniDiagError('OPTION_INVALID', `${name} counts positions from padding id ${PAD}, but the tokenizer pads with ${tokenizer.special.pad}`, {
        fix: 'Use a tokenizer with the RoBERTa template.',
      })
    return new TextTransformer(parameters, { ...options, vocabSize, name, pad: PAD, positions: 'after-pad', tokenTypes: 1 })
  },
})
