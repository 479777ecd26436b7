import { byteCharacters, bytePieces } from './byte-level.js'

const leading = ['<s>', '<pad>', '</s>', '<unk>']
const mask = '<mask>'

/** The five special tokens and the 256 bytes: what every byte-level vocabulary with the RoBERTa template holds. */
export const smallestVocabulary = leading.length + byteCharacters.length + 1

/**
 * Byte-pair encoding (Sennrich et al., ACL 2016) over bytes, learned from texts: the most frequent neighbouring pair becomes a token,
 * until the vocabulary is full or no pair occurs `minFrequency` times. Equal counts are settled by the pair's spelling, so the result
 * depends on the multiset of texts only.
 * @param vocabSize most tokens, specials included; at least `smallestVocabulary`
 * @returns the content of a `tokenizer.json`; ids: `<s>` 0, `<pad>` 1, `</s>` 2, `<unk>` 3, the bytes, the merges in order, `<mask>` last
 */
export function trainBpe(texts: Iterable<string>, { vocabSize, minFrequency }: { vocabSize: number; minFrequency: number }): string {
  const { merges, made } = learn(countWords(texts), vocabSize - smallestVocabulary, minFrequency)
  const tokens = [...leading, ...byteCharacters, ...made, mask]
  const special = (content: string) => ({
    id: tokens.indexOf(content),
    content,
    single_word: false,
    lstrip: content === mask,
    rstrip: false,
    normalized: true,
    special: true,
  })
  return JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [...leading, mask].map(special),
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true },
    post_processor: { type: 'RobertaProcessing', sep: ['</s>', 2], cls: ['<s>', 0], trim_offsets: true, add_prefix_space: false },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: '',
      end_of_word_suffix: '',
      fuse_unk: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: merges.map((pair) => pair.join(' ')),
    },
  })
}

interface Word {
  readonly count: number
  parts: string[]
}

function countWords(texts: Iterable<string>): Word[] {
  const counts = new Map<string, number>()
  for (const text of texts) for (const piece of bytePieces(text)) counts.set(piece, (counts.get(piece) ?? 0) + 1)
  return [...counts].map(([piece, count]) => ({ count, parts: [...piece] }))
}

interface Pair {
  readonly left: string
  readonly right: string
  count: number
  readonly words: Set<Word>
}

/** `made` holds the new tokens in order; it can be shorter than `merges`, because two pairs can spell the same token. */
function learn(words: readonly Word[], most: number, minFrequency: number): { merges: [string, string][]; made: Set<string> } {
  const pairs = new Map<string, Pair>()
  const add = (word: Word, sign: 1 | -1) => {
    for (let i = 1; i < word.parts.length; i++) {
      const [left, right] = [word.parts[i - 1], word.parts[i]]
      const key = `${left} ${right}`
      let pair = pairs.get(key)
      if (!pair) {
        pair = { left, right, count: 0, words: new Set() }
        pairs.set(key, pair)
      }
      pair.count += sign * word.count
      if (sign === 1) pair.words.add(word)
      if (pair.count === 0) pairs.delete(key)
    }
  }
  for (const word of words) add(word, 1)
  const merges: [string, string][] = []
  const made = new Set<string>()
  while (made.size < most) {
    const best = mostFrequent(pairs)
    if (!best || best.count < minFrequency) break
    for (const word of [...best.words]) {
      add(word, -1)
      word.parts = join(word.parts, best)
      add(word, 1)
    }
    merges.push([best.left, best.right])
    made.add(best.left + best.right)
  }
  return { merges, made }
}

function mostFrequent(pairs: ReadonlyMap<string, Pair>): Pair | undefined {
  let best: Pair | undefined
  let spelling = ''
  for (const [key, pair] of pairs)
    if (!best || pair.count > best.count || (pair.count === best.count && key < spelling)) {
      best = pair
      spelling = key
    }
  return best
}

function join(parts: readonly string[], { left, right }: Pair): string[] {
  const out: string[] = []
  for (let i = 0; i < parts.length; i++) {
    if (parts[i] === left && parts[i + 1] === right) {
      out.push(left + right)
      i++
    } else out.push(parts[i])
  }
  return out
}
