import type { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { z } from 'zod'
import { opensWord } from './byte-level.js'
import { hubTokenizer, parseTokenizerJson, tokenizerContent } from './hub-tokenizer.js'

const schema = tokenizerContent.extend({
  pre_tokenizer: z.looseObject({ type: z.literal('ByteLevel') }),
  post_processor: z.looseObject({ type: z.literal('RobertaProcessing') }),
  model: tokenizerContent.shape.model.extend({ merges: z.array(z.unknown()) }),
})

const roles = { bos: '<s>', pad: '<pad>', eos: '</s>', unk: '<unk>', mask: '<mask>' } as const

/**
 * A byte-level BPE tokenizer with the RoBERTa template (`<s> text </s>`) from the text of a `tokenizer.json`.
 * @param from where the text came from, for error messages
 * @throws UniDiagError DATA_MALFORMED
 */
export function tokenizerFromJson(json: string, from: string): Tokenizer {
  const messages = { from, fix: 'Use the tokenizer.json of a RoBERTa model.' }
  const content = parseTokenizerJson(json, schema, 'a byte-level BPE with the RoBERTa template', messages)
  return hubTokenizer(json, content, { ...messages, roles, opensWord, unknownIsWord: false })
}
