import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compose } from '@unidiag/core/compose'
import { Dataset, type ImageSource, type Sample } from '@unidiag/core/contracts/dataset'
import { ImageLoader } from '@unidiag/core/contracts/image-loader'
import { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { mapBounded } from '@unidiag/core/data/map-bounded'
import { UniDiagError } from '@unidiag/core/errors'
import type { AnyPlugin } from '@unidiag/core/plugin'
import type { Token } from '@unidiag/core/token'
import { decodeImage, squareOf } from '@unidiag/datasets/image-parts'
import { images } from '@unidiag/datasets/images'
import { prepareDataset } from '@unidiag/datasets/prepare'
import { prepared } from '@unidiag/datasets/prepared'
import { trainedBpe } from '@unidiag/encoders/trained-bpe'
import sharp from 'sharp'
import { needed } from '../data/prepare.js'
import type { Source } from '../data/sources.js'
import { median } from './median.js'
import { type Rate, Stopwatch } from './stopwatch.js'

export interface DataBench {
  readonly dataset: string
  readonly split: string
  /** Different images, each with one text, that were timed in each turn. */
  readonly images: number
  readonly size: number
  readonly turns: number
  /** Reading and decoding a file. */
  readonly decode: Rate
  /** Resizing the decoded picture as Pillow does. */
  readonly resize: Rate
  /** All of an image: reading, decoding, resizing, normalising, as a batch loader does it. */
  readonly load: Rate
  /** The same of prepared shards. */
  readonly shards: Rate
  /** Reading, decoding and resizing by sharp alone, which may decode at a smaller scale; left out where it cannot read the files. */
  readonly sharp?: Rate
  readonly tokenize: Rate
  /** Per core: loading over sharp alone, and shards over raw files. */
  readonly loadOverSharp?: number
  readonly shardsOverLoad: number
}

/** As a batch loader does it. */
const AT_ONCE = 8

/** Times what becomes of `count` different images of a data set and of their texts. Nothing is cached but by the system. */
export async function benchData({ plugins, seed }: Source, { count, turns }: { readonly count: number; readonly turns: number }): Promise<DataBench> {
  const pipeline = await compose({ plugins: uncached(withTokenizer(plugins)), seed })
  const folder = await mkdtemp(join(tmpdir(), 'unidiag-bench-'))
  try {
    const [dataset] = pipeline.getAll(Dataset)
    const [split] = dataset.splits
    const [loader, tokenizer] = [pipeline.get(ImageLoader), pipeline.get(Tokenizer)]
    const chosen = differentImages(dataset.samples(split), count)
    const sources = chosen.map(({ image }) => image)
    const shards = await shardsOf({ ...dataset, splits: [split], samples: () => chosen }, join(folder, 'shards'), loader)
    const times = new Map<string, Rate[]>()
    const time = async (name: string, work: (watch: Stopwatch) => Promise<void>): Promise<void> => {
      const watch = new Stopwatch()
      await work(watch)
      times.set(name, [...(times.get(name) ?? []), watch.rate(chosen.length)])
    }
    const readable = await sharpReads(sources)
    // The first turn warms up: threads start, files come into memory, code is compiled.
    for (let turn = 0; turn <= turns; turn++) {
      if (turn === 1) times.clear()
      await time('decode', (watch) => watch.time(() => mapBounded(sources, AT_ONCE, decodeImage)))
      await time('resize', (watch) => resizeAll(sources, loader.size, watch))
      await time('load', (watch) => watch.time(() => mapBounded(sources, AT_ONCE, (image) => loader.load(image))))
      await time('shards', (watch) => watch.time(() => mapBounded(shards, AT_ONCE, (image) => loader.load(image))))
      if (readable) await time('sharp', (watch) => watch.time(() => mapBounded(sources, AT_ONCE, (image) => bySharp(image, loader.size))))
      await time('tokenize', (watch) => watch.time(async () => chosen.map(({ text }) => tokenizer.encode(text))))
    }
    const rate = (name: string): Rate => middle(times.get(name)!)
    const [load, prepare, alone] = [rate('load'), rate('shards'), readable ? rate('sharp') : undefined]
    return {
      dataset: dataset.name,
      split,
      images: chosen.length,
      size: loader.size,
      turns,
      decode: rate('decode'),
      resize: rate('resize'),
      load,
      shards: prepare,
      ...(alone && { sharp: alone }),
      tokenize: rate('tokenize'),
      ...(alone && { loadOverSharp: load.perCore / alone.perCore }),
      shardsOverLoad: prepare.perCore / load.perCore,
    }
  } finally {
    await pipeline.close()
    await rm(folder, { recursive: true, force: true })
  }
}

/** The medians of the turns. */
export const middle = (rates: readonly Rate[]): Rate => ({
  perSecond: median(rates.map(({ perSecond }) => perSecond)),
  perCore: median(rates.map(({ perCore }) => perCore)),
})

/** A data set that is named on the command line has no tokenizer: one is trained on its texts. */
function withTokenizer(plugins: readonly AnyPlugin[]): readonly AnyPlugin[] {
  return plugins.some(({ definition }) => definition.provides === (Tokenizer as Token<unknown>)) ? plugins : [...plugins, trainedBpe()]
}

const uncached = (plugins: readonly AnyPlugin[]): AnyPlugin[] =>
  needed(plugins).map((plugin) => (plugin.definition.name === images.definition.name ? images({ ...(plugin.options as object), cacheBytes: 0 }) : plugin))

/** The first samples, one for each image. @throws UniDiagError OPTION_INVALID for images that are not files */
export function differentImages(samples: readonly Sample[], count: number): Sample[] {
  const first = new Map<string, Sample>()
  for (const sample of samples) if (!first.has(sample.imageId) && first.size < count) first.set(sample.imageId, sample)
  const chosen = [...first.values()]
  if (chosen.length === 0 || chosen.some(({ image }) => 'pixels' in image))
    throw new UniDiagError('OPTION_INVALID', 'the data set has no image files to read', { fix: 'Name a data set of image files, or shards of one.' })
  return chosen
}

async function shardsOf(dataset: Dataset, out: string, loader: ImageLoader): Promise<ImageSource[]> {
  await prepareDataset(dataset, { out, loader, cut: 'square' })
  const pipeline = await compose({ plugins: [prepared({ dir: out })] })
  try {
    const [shards] = pipeline.getAll(Dataset)
    return shards.samples(shards.splits[0]).map(({ image }) => image)
  } finally {
    await pipeline.close()
  }
}

/** Only the resizing is timed. Few pictures are held at once: they are large. */
async function resizeAll(sources: readonly ImageSource[], size: number, watch: Stopwatch): Promise<void> {
  for (let at = 0; at < sources.length; at += AT_ONCE) {
    const pictures = await mapBounded(sources.slice(at, at + AT_ONCE), AT_ONCE, decodeImage)
    await watch.time(async () => pictures.map((picture) => squareOf(picture, size)))
  }
}

const bytesOf = (image: ImageSource): Promise<Uint8Array> => {
  if ('file' in image) return readFile(image.file)
  return 'encoded' in image ? image.encoded() : Promise.reject(new Error('no file'))
}

async function bySharp(image: ImageSource, size: number): Promise<Uint8Array> {
  return sharp(await bytesOf(image), { ignoreIcc: true })
    .resize(size, size, { fit: 'cover', kernel: 'cubic' })
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer()
}

async function sharpReads(sources: readonly ImageSource[]): Promise<boolean> {
  try {
    await mapBounded(sources, AT_ONCE, async (image) => sharp(await bytesOf(image)).metadata())
    return true
  } catch {
    return false
  }
}
