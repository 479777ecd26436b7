import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import type { Dataset, ImageSource, Sample } from '@unidiag/core/contracts/dataset'
import { mapBounded } from '@unidiag/core/data/map-bounded'
import { keyOf } from '../image/read-picture.js'

/** An image of a split, the samples that show it with their positions, and the state of its file. */
export interface PlannedImage {
  readonly image: ImageSource
  readonly samples: readonly { readonly at: number; readonly sample: Sample }[]
  readonly source?: { readonly file: string; readonly size: number; readonly modified: number }
}

/** A shard that is to be written. */
export interface PlannedShard {
  readonly split: string
  /** Without its end: `train-000000`. */
  readonly name: string
  readonly images: readonly PlannedImage[]
}

export interface Plan {
  readonly shards: readonly PlannedShard[]
  /** Changes when a text, an id, or an image of the data set does. */
  readonly fingerprint: string
}

/** File systems are asked about this many files at once. */
const AT_ONCE = 32

/** The images of a split in the order in which they first occur. */
function imagesOf(samples: readonly Sample[]): PlannedImage[] {
  const images = new Map<unknown, { image: ImageSource; samples: { at: number; sample: Sample }[] }>()
  for (const [at, sample] of samples.entries()) {
    const key = keyOf(sample.image)
    const found = images.get(key) ?? { image: sample.image, samples: [] }
    images.set(key, found)
    found.samples.push({ at, sample })
  }
  return [...images.values()]
}

async function withSource(planned: PlannedImage): Promise<PlannedImage> {
  if (!('file' in planned.image)) return planned
  const { file } = planned.image
  const found = await stat(file).catch(() => undefined)
  return found ? { ...planned, source: { file, size: found.size, modified: Math.trunc(found.mtimeMs) } } : planned
}

/** What identifies the content of an image: the state of its file, or a hash of what lies elsewhere. */
async function stateOf({ image, source }: PlannedImage): Promise<unknown> {
  if ('file' in image) return [source?.size, source?.modified, image.frame]
  if ('pixels' in image) {
    const { data, width, height } = image.pixels()
    return [width, height, createHash('sha256').update(data).digest('hex')]
  }
  const bytes = await image.encoded().catch(() => undefined)
  return bytes && createHash('sha256').update(bytes).digest('hex')
}

/** Divides a data set into shards; the same data give the same plan, so that a later run can go on with it. */
export async function planShards(dataset: Dataset, imagesPerShard: number): Promise<Plan> {
  const hash = createHash('sha256')
  const add = (value: unknown): unknown => hash.update(`${JSON.stringify(value)}\n`)
  const shards: PlannedShard[] = []
  add([dataset.name, dataset.synthetic, imagesPerShard])
  for (const split of dataset.splits) {
    const images = await mapBounded(imagesOf(dataset.samples(split)), AT_ONCE, withSource)
    const states = await mapBounded(images, AT_ONCE, stateOf)
    add([split, states])
    for (const { id, imageId, text, answers, answerType, fields } of dataset.samples(split)) add([id, imageId, text, answers, answerType, fields])
    // A split without samples keeps its name by a shard without images.
    for (let from = 0; from < Math.max(1, images.length); from += imagesPerShard)
      shards.push({
        split,
        name: `${encodeURIComponent(split)}-${String(from / imagesPerShard).padStart(6, '0')}`,
        images: images.slice(from, from + imagesPerShard),
      })
  }
  return { shards, fingerprint: hash.digest('hex') }
}
