import { join } from 'node:path'
import { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { definePlugin } from '@unidiag/core/plugin'
import { z } from 'zod'
import { giveOne, hasOneOf, readTokenizerFile, tokenizerFileOptions } from './tokenizer-file.js'
import { tokenizerFromJson } from './tokenizer-json.js'

/**
 * RoBERTa's byte-level BPE (reference: roberta-base of transformers) from a `tokenizer.json`: cased, `<s> text </s>`.
 * @throws UniDiagError DATA_MISSING when there is no such file, DATA_MALFORMED when it is not a byte-level BPE with the RoBERTa template
 */
export const robertaBpe = definePlugin({
  name: '@unidiag/encoders/roberta-bpe',
  provides: Tokenizer,
  options: z.strictObject(tokenizerFileOptions).refine(hasOneOf, giveOne),
  async setup({ options }) {
    const file = options.file ?? join(options.dir as string, 'tokenizer.json')
    const fix = 'Point `file` at a tokenizer.json of a RoBERTa model, or `dir` at the folder that holds it; or train one with @unidiag/encoders/trained-bpe.'
    return tokenizerFromJson(await readTokenizerFile(file, fix), file)
  },
})
