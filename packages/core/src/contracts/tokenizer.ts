import { token } from '../token.js'

/** Text to ids, padded to a fixed length. */
export interface Tokenizer {
  readonly vocabSize: number
  /** `eos` ends a text; some vocabularies have no such token. */
  readonly special: { readonly bos: number; readonly pad: number; readonly eos?: number; readonly unk: number; readonly mask: number }
  /** Ids with the special tokens of the template, neither padded nor cut. */
  encode(text: string): number[]
  /** For each id of `encode(text)`, the index of the word it belongs to, or -1 for special tokens. */
  words(text: string): number[]
  /** A content identity (hash) saved with checkpoints. */
  readonly fingerprint: string
  /** The `tokenizer.json` it can be made from again, where it has one; saved beside the checkpoints of a run. */
  readonly json?: string
}

export const Tokenizer = token<Tokenizer>('Tokenizer')
