/** Ranks of what belongs together, 1 = best; Infinity where nothing does. */
export interface Ranks {
  /** By text: of the best of its images among all images. */
  readonly textToImage: Float64Array
  /** By image: of the best of its texts among all texts. */
  readonly imageToText: Float64Array
}

/**
 * Ranks images for every text and texts for every image (reference: objectives.py). Of equal scores the one that comes first ranks first, so that the
 * result is the same everywhere; NaN ranks last.
 * @param scores `[I, T]` @param images identity of each image @param texts identity of the image of each text
 */
export function ranks(scores: ArrayLike<number>, images: readonly unknown[], texts: readonly unknown[]): Ranks {
  const at = (image: number, text: number): number => {
    const score = scores[image * texts.length + text]
    return Number.isNaN(score) ? Number.NEGATIVE_INFINITY : score
  }
  return {
    textToImage: Float64Array.from(texts, (id, text) => rankOfFirst(images, id, (image) => at(image, text))),
    imageToText: Float64Array.from(images, (id, image) => rankOfFirst(texts, id, (text) => at(image, text))),
  }
}

/** Rank of the best candidate that is `id`. */
function rankOfFirst(candidates: readonly unknown[], id: unknown, score: (candidate: number) => number): number {
  let best = -1
  for (let c = 0; c < candidates.length; c++) if (candidates[c] === id && (best < 0 || score(c) > score(best))) best = c
  if (best < 0) return Number.POSITIVE_INFINITY
  const own = score(best)
  let rank = 1
  for (let c = 0; c < candidates.length; c++) if (score(c) > own || (c < best && score(c) === own)) rank++
  return rank
}

/** Share of the queries whose rank is at most `k`. @param weight how often query `i` counts; once when left out */
export function recallAt(ranks: Float64Array, k: number, weight: (i: number) => number = () => 1): number {
  let [hits, total] = [0, 0]
  for (let i = 0; i < ranks.length; i++) {
    total += weight(i)
    if (ranks[i] <= k) hits += weight(i)
  }
  return hits / total
}
