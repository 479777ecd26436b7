import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { UniDiagError } from '@unidiag/core/errors'
import { definePlugin } from '@unidiag/core/plugin'
import { z } from 'zod'
import { tokenizerFromJson } from './tokenizer-json.js'

/**
 * RoBERTa's byte-level BPE (reference: roberta-base of transformers) from a `tokenizer.json`: cased, `<s> text </s>`.
 * @throws UniDiagError DATA_MISSING when there is no such file, DATA_MALFORMED when it is not a byte-level BPE with the RoBERTa template
 */
export const robertaBpe = definePlugin({
  name: '@unidiag/encoders/roberta-bpe',
  provides: Tokenizer,
  options: z
    .strictObject({
      /** A `tokenizer.json`. */
      file: z.string().min(1).optional(),
      /** A folder that holds one. */
      dir: z.string().min(1).optional(),
    })
    .refine((options) => (options.file === undefined) !== (options.dir === undefined), 'give either `file` or `dir`'),
  async setup({ options }) {
    const file = options.file ?? join(options.dir as string, 'tokenizer.json')
    return tokenizerFromJson(await read(file), file)
  },
})

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new UniDiagError('DATA_MISSING', `no tokenizer at ${file}: ${(cause as Error).message}`, {
      cause,
      fix: 'Point `file` at a tokenizer.json of a RoBERTa model, or `dir` at the folder that holds it; or train one with @unidiag/encoders/trained-bpe.',
    })
  }
}
