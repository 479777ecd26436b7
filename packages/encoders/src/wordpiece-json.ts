import type { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { z } from 'zod'
import { hubTokenizer, malformed, parseTokenizerJson, type TokenizerContent, tokenIds, tokenizerContent } from './hub-tokenizer.js'

const schema = tokenizerContent.extend({
  post_processor: z.looseObject({ type: z.string() }).nullish(),
  model: tokenizerContent.shape.model.extend({ type: z.literal('WordPiece').optional(), continuing_subword_prefix: z.string().min(1).default('##') }),
})

const roles = { bos: '[CLS]', pad: '[PAD]', eos: '[SEP]', unk: '[UNK]', mask: '[MASK]' } as const
const fix = 'Use the vocab.txt or the tokenizer.json of a BERT model.'

/**
 * A WordPiece tokenizer with BERT's template (`[CLS] text [SEP]`) from the text of a `tokenizer.json`. One without a template gets it; `[SEP]` is left out
 * when the vocabulary has none.
 * @param from where the text came from, for error messages
 * @throws UniDiagError DATA_MALFORMED
 */
export function wordpieceFromJson(json: string, from: string): Tokenizer {
  const content = parseTokenizerJson(json, schema, 'a WordPiece tokenizer', { from, fix })
  const prefix = content.model.continuing_subword_prefix
  const framed = { ...content, pre_tokenizer: unicodeWords(content.pre_tokenizer), post_processor: content.post_processor ?? template(tokenIds(content)) }
  return hubTokenizer(json, framed, { from, fix, roles, opensWord: (token) => !token.startsWith(prefix), unknownIsWord: true })
}

/**
 * The `tokenizer.json` of a `vocab.txt`: a token a line, its id is the number of the line from 0 (reference: BertTokenizer of transformers).
 * @param lowercase as for the uncased models: lower case, and no accents
 * @throws UniDiagError DATA_MALFORMED
 */
export function wordpieceJson(vocabulary: string, from: string, { lowercase }: { lowercase: boolean }): string {
  const tokens = vocabulary.split(/\r?\n/)
  if (tokens.at(-1) === '') tokens.pop()
  const ids = new Map(tokens.map((token, id) => [token, id]))
  if (ids.size !== tokens.length)
    throw malformed({ from, fix }, `line ${tokens.findIndex((token, i) => ids.get(token) !== i) + 1} is there twice, so that ids and lines do not agree`)
  const missing = Object.values(roles).filter((token) => !ids.has(token))
  if (missing.length > 0) throw malformed({ from, fix }, `it has no token ${missing.join(', ')}`)
  return JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: Object.values(roles).map((content) => ({
      id: ids.get(content),
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: template(ids),
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: roles.unk,
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(ids),
    },
  })
}

const word = String.raw`\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}`
const wordsOrSigns = { type: 'Split', pattern: { Regex: `[${word}]+|[^${word}\\s]+` }, behavior: 'Removed', invert: true }

/** The library splits by words of ASCII letters where the original (`Whitespace`) has those of all scripts. */
function unicodeWords(step: unknown): unknown {
  const { type, pretokenizers } = (step ?? {}) as { type?: string; pretokenizers?: unknown[] }
  if (type === 'Whitespace') return wordsOrSigns
  return pretokenizers ? { ...(step as object), pretokenizers: pretokenizers.map(unicodeWords) } : step
}

/** `[CLS] text [SEP]`, as far as the vocabulary has these. */
function template(ids: ReadonlyMap<string, number>): NonNullable<TokenizerContent['post_processor']> {
  const around = [roles.bos, roles.eos].filter((token) => ids.has(token))
  const frame = (token: string) => (around.includes(token as typeof roles.bos) ? [{ SpecialToken: { id: token, type_id: 0 } }] : [])
  const single = [...frame(roles.bos), { Sequence: { id: 'A', type_id: 0 } }, ...frame(roles.eos)]
  const special_tokens = Object.fromEntries(around.map((token) => [token, { id: token, ids: [ids.get(token)], tokens: [token] }]))
  return { type: 'TemplateProcessing', single, pair: single, special_tokens }
}
