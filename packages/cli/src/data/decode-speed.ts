import { compose } from '@unidiag/core/compose'
import { Dataset, type ImageSource } from '@unidiag/core/contracts/dataset'
import type { ImageLoader } from '@unidiag/core/contracts/image-loader'
import { mapBounded } from '@unidiag/core/data/map-bounded'
import { UniDiagError } from '@unidiag/core/errors'
import { prepared } from '@unidiag/datasets/prepared'

/** Images a second, from the raw files and from shards of them. */
export interface DecodeSpeed {
  readonly images: number
  readonly raw: number
  readonly shards: number
}

/** As a batch loader does it. */
const AT_ONCE = 8

async function time(loader: ImageLoader, images: readonly ImageSource[]): Promise<number> {
  const started = performance.now()
  await mapBounded(images, AT_ONCE, (image) =>
    loader.load(image).catch((error: unknown) => {
      if (!(error instanceof UniDiagError) || error.code !== 'IMAGE_UNREADABLE') throw error
    }),
  )
  return Math.round((images.length / (performance.now() - started)) * 1e4) / 10
}

/** Loads up to `count` different images of the first split, none of which the loader has seen. @returns `undefined` when there are too few to time */
export async function measureDecoding(dataset: Dataset, dir: string, loader: ImageLoader, count: number): Promise<DecodeSpeed | undefined> {
  const pipeline = await compose({ plugins: [prepared({ dir })] })
  try {
    const [split] = dataset.splits
    const samples = dataset.samples(split)
    const first = new Map(samples.map(({ imageId }, at) => [imageId, at]))
    const chosen = [...first.values()].slice(0, count + 1)
    if (chosen.length < 2) return undefined
    const shards = pipeline.getAll(Dataset)[0].samples(split)
    // The threads of the loader have started, and the files have been read, by the preparation or by this.
    await time(loader, [samples[chosen[0]].image, shards[chosen[0]].image])
    const timed = chosen.slice(1)
    return {
      images: timed.length,
      raw: await time(
        loader,
        timed.map((at) => samples[at].image),
      ),
      shards: await time(
        loader,
        timed.map((at) => shards[at].image),
      ),
    }
  } finally {
    await pipeline.close()
  }
}
