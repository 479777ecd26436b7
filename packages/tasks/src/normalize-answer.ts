import { contractions } from './contractions.js'

const PUNCTUATION = [...';/[]"{}()=+\\_-><@`,?!']
const NUMBERS: ReadonlyMap<string, string> = new Map([
  ['none', '0'],
  ...['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'].map((word, n): [string, string] => [word, String(n)]),
])
const ARTICLES = new Set(['a', 'an', 'the'])
/** The reference passes a flag where the count belongs: at most 32 full stops go. */
const MAX_STOPS = 32

/**
 * Brings an answer to the form in which answers are compared: VQA v2 style, as the reference prepares its data
 * (reference: glossary.py). The rules look odd in places (`12,500 ml/day` becomes `12500 mlday`); they are kept as they are.
 *
 * @example normalizeAnswer('The left lung, right lung') // 'left lung right lung'
 */
export function normalizeAnswer(answer: string): string {
  const original = answer.toLowerCase()
  const thousands = /\p{Nd},\p{Nd}/u.test(original)
  let text = original
  for (const mark of PUNCTUATION) {
    const deleted = thousands || original.includes(`${mark} `) || original.includes(` ${mark}`)
    text = text.replaceAll(mark, deleted ? '' : ' ')
  }
  let stops = 0
  text = text.replace(/\.(?!\p{Nd})/gu, (stop) => (stops++ < MAX_STOPS ? '' : stop))
  return text
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => NUMBERS.get(word) ?? word)
    .filter((word) => !ARTICLES.has(word))
    .map((word) => contractions.get(word) ?? word)
    .join(' ')
    .replaceAll(',', '')
}
