import type { Rng } from '@unidiag/core/random'

export type MaskMode = 'hf-wwm-compat' | 'token' | 'word'

/** One padded text, as the selection sees it. */
export interface MaskableText {
  /** Padded ids. */
  readonly ids: Int32Array
  /** Length L that texts are padded to, or would be. */
  readonly length: number
  /** Word of each id of the text before padding and cutting, -1 for specials; only for mode `word`. */
  readonly words: readonly number[]
  readonly specials: ReadonlySet<number>
  readonly ratio: number
  readonly mode: MaskMode
}

/** Most positions a text can lose (the limit of the reference's collator). */
const LIMIT = 512

/** Python's `round`: half to even. */
function roundHalfEven(x: number): number {
  const down = Math.floor(x)
  if (x - down !== 0.5) return Math.round(x)
  return down % 2 === 0 ? down : down + 1
}

/** How many positions to select of `length`: L = 32 -> 5, 40 -> 6, 64 -> 10, 128 -> 19 at 15 %. */
export const selectionSize = (ratio: number, length: number): number => Math.min(LIMIT, Math.max(1, roundHalfEven(ratio * length)))

/** Positions to hide, in the order they were drawn. Special tokens and padding are never among them. */
export function selectPositions(text: MaskableText, rng: Rng): number[] {
  const { ids, ratio, mode, specials } = text
  const isReal = (position: number): boolean => !specials.has(ids[position])
  if (mode === 'hf-wwm-compat')
    return [...rng.permutation(text.length).subarray(0, selectionSize(ratio, text.length))].filter((position) => position < ids.length && isReal(position))

  const real = [...ids.keys()].filter(isReal)
  if (real.length === 0) return []
  const size = selectionSize(ratio, real.length)
  if (mode === 'token') return [...rng.permutation(real.length).subarray(0, size)].map((i) => real[i])
  return wholeWords(groupByWord(real, text.words), size, rng)
}

function groupByWord(positions: readonly number[], words: readonly number[]): number[][] {
  const groups = new Map<number, number[]>()
  for (const position of positions) {
    const word = words[position]
    const group = groups.get(word)
    if (group) group.push(position)
    else groups.set(word, [position])
  }
  return [...groups.values()]
}

/** Whole words in random order until `size` tokens are reached; a word that would pass it is left out unless it is the first. */
function wholeWords(groups: readonly number[][], size: number, rng: Rng): number[] {
  const selected: number[] = []
  for (const index of rng.permutation(groups.length)) {
    if (selected.length > 0 && selected.length + groups[index].length > size) continue
    selected.push(...groups[index])
    if (selected.length >= size) break
  }
  return selected
}
