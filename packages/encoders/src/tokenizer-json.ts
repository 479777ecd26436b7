import { createHash } from 'node:crypto'
import { Tokenizer as HubTokenizer } from '@huggingface/tokenizers'
import type { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { UniDiagError } from '@unidiag/core/errors'
import { z } from 'zod'
import { opensWord } from './byte-level.js'

/** What is needed of a `tokenizer.json`; everything else is the library's. */
const schema = z.looseObject({
  added_tokens: z.array(z.looseObject({ id: z.int().nonnegative(), content: z.string() })),
  pre_tokenizer: z.looseObject({ type: z.literal('ByteLevel') }),
  post_processor: z.looseObject({ type: z.literal('RobertaProcessing') }),
  model: z.looseObject({ vocab: z.record(z.string(), z.int().nonnegative()), merges: z.array(z.unknown()) }),
})

/** The library's types do not resolve in ES modules of Node; this is the part that is used. */
interface Hub {
  encode(text: string): { readonly ids: number[]; readonly tokens: string[] }
}

const roles = { bos: '<s>', pad: '<pad>', eos: '</s>', unk: '<unk>', mask: '<mask>' } as const

/**
 * A byte-level BPE tokenizer with the RoBERTa template (`<s> text </s>`) from the text of a `tokenizer.json`.
 * @param from where the text came from, for error messages
 * @throws UniDiagError DATA_MALFORMED
 */
export function tokenizerFromJson(json: string, from: string): Tokenizer {
  const content = parse(json, from)
  const ids = new Map([...Object.entries(content.model.vocab), ...content.added_tokens.map(({ content: token, id }) => [token, id] as const)])
  const special = Object.fromEntries(
    Object.entries(roles).map(([role, token]) => {
      const id = ids.get(token)
      if (id === undefined) throw malformed(from, `it has no token ${token}`)
      return [role, id]
    }),
  ) as unknown as Tokenizer['special']
  const hub: Hub = new HubTokenizer(content, {})
  const specials = new Set(Object.values(special))
  let vocabSize = 0
  for (const id of ids.values()) vocabSize = Math.max(vocabSize, id + 1)
  return {
    vocabSize,
    special,
    json,
    fingerprint: createHash('sha256').update(json).digest('hex'),
    encode: (text) => hub.encode(text).ids,
    words(text) {
      const encoded = hub.encode(text)
      let word = -1
      let open = false
      return encoded.ids.map((id, i) => {
        if (specials.has(id)) {
          open = false
          return -1
        }
        if (!open || opensWord(encoded.tokens[i])) word++
        open = true
        return word
      })
    },
  }
}

function parse(json: string, from: string): z.output<typeof schema> {
  let raw: unknown
  try {
    raw = JSON.parse(json)
  } catch (cause) {
    throw malformed(from, `it is not JSON: ${(cause as Error).message}`, cause)
  }
  const checked = schema.safeParse(raw)
  if (checked.success) return checked.data
  const faults = checked.error.issues.slice(0, 5).map((issue) => `${issue.path.join('.') || 'the file'}: ${issue.message}`)
  throw malformed(from, `it is not a byte-level BPE with the RoBERTa template (${faults.join('; ')})`)
}

const malformed = (from: string, fault: string, cause?: unknown) =>
  new UniDiagError('DATA_MALFORMED', `${from} is not a tokenizer.json this plugin reads: ${fault}`, {
    cause,
    fix: 'Use the tokenizer.json of a RoBERTa model.',
  })
