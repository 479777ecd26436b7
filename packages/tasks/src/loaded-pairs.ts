import type { Sample } from '@unidiag/core/contracts/dataset'

/** The images that could be loaded, and the texts that belong to one of them. */
export interface LoadedPairs {
  readonly images: readonly Sample[]
  /** Places of the texts among all. */
  readonly kept: readonly number[]
  /** By kept text: the place of its image. */
  readonly owners: readonly number[]
  /** `[I, T]`, of the images and the kept texts. */
  readonly matrix: Float32Array
}

/** @param rows values of each loaded image against `texts` */
export function loadedPairs(rows: ReadonlyMap<Sample, Float32Array>, texts: readonly Sample[]): LoadedPairs {
  const images = [...rows.keys()]
  const numbers = new Map(images.map(({ imageId }, i) => [imageId, i]))
  const kept = [...texts.keys()].filter((t) => numbers.has(texts[t].imageId))
  const matrix = new Float32Array(images.length * kept.length)
  for (const [i, row] of [...rows.values()].entries()) for (const [at, t] of kept.entries()) matrix[i * kept.length + at] = row[t]
  return { images, kept, owners: kept.map((t) => numbers.get(texts[t].imageId)!), matrix }
}
