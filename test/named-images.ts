import type { Dataset } from '@unidiag/core/contracts/dataset'
import { ImageLoader } from '@unidiag/core/contracts/image-loader'
import { UniDiagError } from '@unidiag/core/errors'
import { type AnyPlugin, definePlugin } from '@unidiag/core/plugin'
import { Random } from '@unidiag/core/random'
import { tinyDataset } from '@unidiag/testing/tiny-data'
import { tinyPlugins } from '@unidiag/testing/tiny-plugins'
import { z } from 'zod'

/** Tiny samples whose image has its name in place of pixels; two samples share an image. */
export function namedDataset(counts: Parameters<typeof tinyDataset>[0]): Dataset {
  const tiny = tinyDataset(counts)
  return { ...tiny, samples: (split) => tiny.samples(split).map((sample) => ({ ...sample, image: { file: sample.imageId } })) }
}

/** The pixels that a name stands for. */
export const pixelsOf = (file: string): Float32Array => new Random(3).rng(file).normals(8 * 8 * 3)

/** Names of images that cannot be read. */
export const broken = new Set<string>()

const images = definePlugin({
  name: 'named-images',
  provides: ImageLoader,
  options: z.strictObject({}),
  setup: (): ImageLoader => ({
    size: 8,
    async load(image) {
      const { file } = image as { file: string }
      if (broken.has(file)) throw new UniDiagError('IMAGE_UNREADABLE', `${file} is truncated`)
      return pixelsOf(file)
    },
  }),
})

/** The tiny model without dropout, on images that are told by name. */
export const namedPlugins = (dataset: Dataset): AnyPlugin[] => [
  ...tinyPlugins({ dataset, dropout: 0 }).filter((plugin) => plugin.definition.provides !== ImageLoader),
  images(),
]
