import { createHash } from 'node:crypto'
import { Tokenizer as HubTokenizer } from '@huggingface/tokenizers'
import type { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { UniDiagError } from '@unidiag/core/errors'
import { z } from 'zod'

/** What a `tokenizer.json` of any kind has; everything else is the library's. */
export const tokenizerContent = z.looseObject({
  added_tokens: z.array(z.looseObject({ id: z.int().nonnegative(), content: z.string() })),
  model: z.looseObject({ vocab: z.record(z.string(), z.int().nonnegative()) }),
})
export type TokenizerContent = z.output<typeof tokenizerContent>

/** The library's types do not resolve in ES modules of Node; this is the part that is used. */
interface Hub {
  encode(text: string): { readonly ids: number[]; readonly tokens: string[] }
}

export type Roles = { readonly [R in keyof Tokenizer['special']]: string }

export interface HubTokenizerOptions {
  /** The spellings of the special tokens; `eos` may be missing in the vocabulary. */
  readonly roles: Roles
  /** Whether a token begins a word; the first one after a special token does anyway. */
  readonly opensWord: (token: string) => boolean
  /** Whether an unknown token stands for a word. */
  readonly unknownIsWord: boolean
  /** Where the content came from, for messages. */
  readonly from: string
  /** What to use instead, for messages. */
  readonly fix: string
}

/**
 * The tokenizer of a `tokenizer.json`, by HuggingFace's library.
 * @param json its text, which is what the fingerprint is of @param content the same, parsed, with its template
 * @throws UniDiagError DATA_MALFORMED when a special token is missing
 */
export function hubTokenizer(json: string, content: TokenizerContent, o: HubTokenizerOptions): Tokenizer {
  const ids = tokenIds(content)
  const special: Record<string, number> = {}
  for (const [role, token] of Object.entries(o.roles)) {
    const id = ids.get(token)
    if (id !== undefined) special[role] = id
    else if (role !== 'eos') throw malformed(o, `it has no token ${token}`)
  }
  const hub: Hub = new HubTokenizer(content, {})
  const wordless = new Set(Object.values(special).filter((id) => id !== special.unk || !o.unknownIsWord))
  let vocabSize = 0
  for (const id of ids.values()) vocabSize = Math.max(vocabSize, id + 1)
  return {
    vocabSize,
    special: special as unknown as Tokenizer['special'],
    json,
    fingerprint: createHash('sha256').update(json).digest('hex'),
    encode: (text) => hub.encode(text).ids,
    words(text) {
      const encoded = hub.encode(text)
      let word = -1
      let open = false
      return encoded.ids.map((id, i) => {
        if (wordless.has(id)) {
          open = false
          return -1
        }
        if (!open || o.opensWord(encoded.tokens[i])) word++
        open = true
        return word
      })
    },
  }
}

/** Ids by token. */
export const tokenIds = ({ model, added_tokens }: TokenizerContent): Map<string, number> =>
  new Map([...Object.entries(model.vocab), ...added_tokens.map(({ content, id }) => [content, id] as const)])

/** @throws UniDiagError DATA_MALFORMED when it is no JSON or not of this form @param kind what the schema is of */
export function parseTokenizerJson<T extends z.ZodType>(json: string, schema: T, kind: string, o: Pick<HubTokenizerOptions, 'from' | 'fix'>): z.output<T> {
  let raw: unknown
  try {
    raw = JSON.parse(json)
  } catch (cause) {
    throw malformed(o, `it is not JSON: ${(cause as Error).message}`, cause)
  }
  const checked = schema.safeParse(raw)
  if (checked.success) return checked.data
  const faults = checked.error.issues.slice(0, 5).map((issue) => `${issue.path.join('.') || 'the file'}: ${issue.message}`)
  throw malformed(o, `it is not ${kind} (${faults.join('; ')})`)
}

export const malformed = ({ from, fix }: Pick<HubTokenizerOptions, 'from' | 'fix'>, fault: string, cause?: unknown): UniDiagError =>
  new UniDiagError('DATA_MALFORMED', `${from} is not a tokenizer this plugin reads: ${fault}`, { cause, fix })
