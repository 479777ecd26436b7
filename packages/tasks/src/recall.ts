/** Ranks of what belongs together, 1 = best; Infinity where nothing does. */
export interface Ranks {
  /** By text: of the best of its images among all images. */
  readonly textToImage: Float64Array
  /** By image: of the best of its texts among all texts. */
  readonly imageToText: Float64Array
}

/** Candidates that a first stage leaves over, by place in ascending order. */
export interface Shortlists {
  /** By text: images. */
  readonly byText: readonly Int32Array[]
  /** By image: texts. */
  readonly byImage: readonly Int32Array[]
}

/**
 * Ranks images for every text and texts for every image (reference: objectives.py). Of equal scores the one that comes first ranks first, so that the
 * result is the same everywhere; NaN ranks last.
 * @param scores `[I, T]` @param images identity of each image @param texts identity of the image of each text
 * @param shortlists the candidates of each query; all when left out. What is not among them is never found.
 */
export function ranks(scores: ArrayLike<number>, images: readonly unknown[], texts: readonly unknown[], shortlists?: Shortlists): Ranks {
  const at = (image: number, text: number): number => {
    const score = scores[image * texts.length + text]
    return Number.isNaN(score) ? Number.NEGATIVE_INFINITY : score
  }
  const [everyImage, everyText] = [images, texts].map((all) => Int32Array.from(all.keys()))
  return {
    textToImage: Float64Array.from(texts, (id, text) => rankOfFirst(shortlists?.byText[text] ?? everyImage, images, id, (image) => at(image, text))),
    imageToText: Float64Array.from(images, (id, image) => rankOfFirst(shortlists?.byImage[image] ?? everyText, texts, id, (text) => at(image, text))),
  }
}

/** Rank of the best candidate that is `id`. @param candidates places in `ids`, ascending */
function rankOfFirst(candidates: Int32Array, ids: readonly unknown[], id: unknown, score: (candidate: number) => number): number {
  let best = -1
  for (const c of candidates) if (ids[c] === id && (best < 0 || score(c) > score(best))) best = c
  if (best < 0) return Number.POSITIVE_INFINITY
  const own = score(best)
  let rank = 1
  for (const c of candidates) if (score(c) > own || (c < best && score(c) === own)) rank++
  return rank
}

/** For each query the `size` most similar candidates; of equal ones the first. @param similarity `[I, T]`, without NaN */
export function shortlists(similarity: ArrayLike<number>, images: number, texts: number, size: number): Shortlists {
  const most = (count: number, of: (candidate: number) => number): Int32Array =>
    Int32Array.from(
      Array.from({ length: count }, (_, c) => c)
        .sort((a, b) => of(b) - of(a) || a - b)
        .slice(0, size),
    ).sort()
  return {
    byText: Array.from({ length: texts }, (_, t) => most(images, (i) => similarity[i * texts + t])),
    byImage: Array.from({ length: images }, (_, i) => most(texts, (t) => similarity[i * texts + t])),
  }
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
