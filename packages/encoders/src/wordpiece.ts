import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { definePlugin } from '@unidiag/core/plugin'
import { z } from 'zod'
import { giveOne, hasOneOf, readTokenizerFile, tokenizerFileOptions } from './tokenizer-file.js'
import { wordpieceFromJson, wordpieceJson } from './wordpiece-json.js'

/**
 * WordPiece (Wu et al., 2016; reference: bert-base-uncased of transformers) from the `vocab.txt` of BERT or SciBERT, or from a `tokenizer.json`:
 * `[CLS] text [SEP]`. A folder with both is read from its `tokenizer.json`.
 * @throws UniDiagError DATA_MISSING when there is no such file, DATA_MALFORMED when it is no WordPiece
 */
export const wordpiece = definePlugin({
  name: '@unidiag/encoders/wordpiece',
  provides: Tokenizer,
  options: z
    .strictObject({
      ...tokenizerFileOptions,
      /** Of a `vocab.txt`: whether the model is uncased; a `tokenizer.json` says so itself. */
      lowercase: z.boolean().default(true),
    })
    .refine(hasOneOf, giveOne),
  async setup({ options: { file, dir, lowercase } }) {
    const path =
      file ?? ['tokenizer.json', 'vocab.txt'].map((name) => join(dir as string, name)).find((found) => existsSync(found)) ?? join(dir as string, 'vocab.txt')
    const text = await readTokenizerFile(path, 'Point `file` at the vocab.txt or the tokenizer.json of a BERT model, or `dir` at the folder that holds it.')
    return wordpieceFromJson(path.endsWith('.json') ? text : wordpieceJson(text, path, { lowercase }), path)
  },
})
