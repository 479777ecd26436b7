import type { Sample } from '@unidiag/core/contracts/dataset'

/** A sample before it is numbered, and the split in which it was found. */
export interface Found {
  readonly split: string
  readonly sample: Omit<Sample, 'id'>
}

/**
 * Gathers the texts of each image, images in the order in which they first occur, as the reference does: one that occurs in several splits goes with all
 * its texts to the last of them. Ids are `<prefix>/<image>/<number of the text>`.
 */
export function groupByImage(prefix: string, found: readonly Found[]): Map<string, Sample[]> {
  const images = new Map<string, { split: string; samples: Omit<Sample, 'id'>[] }>()
  for (const { split, sample } of found) {
    const image = images.get(sample.imageId)
    if (image) {
      image.split = split
      image.samples.push(sample)
    } else images.set(sample.imageId, { split, samples: [sample] })
  }
  const splits = new Map<string, Sample[]>()
  for (const [imageId, { split, samples }] of images) {
    const list = splits.get(split) ?? []
    splits.set(split, list)
    for (const [i, sample] of samples.entries()) list.push({ id: `${prefix}/${imageId}/${i}`, ...sample })
  }
  return splits
}
