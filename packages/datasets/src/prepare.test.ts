import { appendFile, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dataset } from '@unidiag/core/contracts/dataset'
import type { ImageLoader } from '@unidiag/core/contracts/image-loader'
import type { HostBatch } from '@unidiag/core/data/batch-draft'
import { BatchLoader } from '@unidiag/core/data/loader'
import type { AnyPlugin } from '@unidiag/core/plugin'
import { Random } from '@unidiag/core/random'
import { describeShared } from '@unidiag/testing/shared'
import { describe, expect, it, onTestFinished } from 'vitest'
import { images } from './images.js'
import { medmnist } from './medmnist.js'
import { type PrepareOptions, prepareDataset } from './prepare.js'
import { prepared } from './prepared.js'
import { temporaryFolder } from './release/broken-copy.fixture.js'
import { makeRelease } from './release/make-release.fixture.js'
import { slake } from './slake.js'
import { table } from './table.js'
import { vqaRad } from './vqa-rad.js'
import { webDataset } from './webdataset.js'

const open = async ({ definition, options }: AnyPlugin): Promise<Dataset> => definition.setup({ needs: {}, options: definition.options.parse(options) })

function loaderOf(options: Parameters<typeof images>[0]): ImageLoader {
  const { definition } = images
  const loader = definition.setup({ needs: {}, options: definition.options.parse({ threads: 1, ...options }) }) as ImageLoader
  onTestFinished(() => definition.teardown?.(loader))
  return loader
}

/** Ids are bytes. */
const tokenizer = {
  vocabSize: 259,
  special: { bos: 256, pad: 257, eos: 258, unk: 257, mask: 257 },
  encode: (text: string) => [256, ...Buffer.from(text), 258],
  words: (text: string) => [-1, ...Buffer.from(text).map(() => 0), -1],
  fingerprint: 'bytes',
}

/** Every batch of two epochs of every split; augmented ones when `augment` is set. */
async function batches(dataset: Dataset, loader: ImageLoader, augment: boolean, epochs = 2): Promise<HostBatch[]> {
  const random = new Random(7)
  const all: HostBatch[] = []
  for (const split of dataset.splits) {
    const common = { tokenizer, images: loader, maxLength: 24, batchSize: 8, parts: [], random, stage: 'tune', augment, shuffle: true }
    for await (const batch of new BatchLoader({ ...common, samples: dataset.samples(split) }).batches({ epochs })) all.push(batch)
  }
  return all
}

/** Equal to the last bit; only where an image comes from may differ. */
function expectEqual(actual: readonly HostBatch[], expected: readonly HostBatch[]): void {
  expect(actual).toHaveLength(expected.length)
  for (const [i, { arrays, samples, lost, ...place }] of actual.entries()) {
    const wanted = expected[i]
    expect(place).toEqual({ index: wanted.index, epoch: wanted.epoch })
    expect(samples.map(({ image: _, ...sample }) => sample)).toEqual(wanted.samples.map(({ image: _, ...sample }) => sample))
    // They are told as they turn up.
    expect(lost.map(({ id }) => id).sort()).toEqual(wanted.lost.map(({ id }) => id).sort())
    for (const [key, { data, shape }] of Object.entries(wanted.arrays)) {
      expect(arrays[key].shape).toEqual(shape)
      expect(Buffer.compare(Buffer.from(arrays[key].data.buffer), Buffer.from(data.buffer)), `${key} of batch ${i}`).toBe(0)
    }
  }
}

const own = () =>
  makeRelease({
    'train.csv': `image,text\n${[1, 2, 3, 1, 4, 5].map((n, i) => `${n}.jpg,"Text ${i}, ""said"" ü"\n`).join('')}`,
    'test.csv': 'image,text\n5.jpg,Again\nnone.jpg,Nothing here\n6.jpg,Broken\n',
    ...Object.fromEntries([1, 2, 3, 4, 5].map((n) => [`${n}.jpg`, n])),
    '6.jpg': 'no image',
  })

async function prepareOwn(options: Partial<PrepareOptions> = {}) {
  const dir = await own()
  const out = options.out ?? join(await temporaryFolder(), 'shards')
  const loader = options.loader ?? loaderOf({ size: 12 })
  const data = await open(table({ dir }))
  const again = (more: Partial<PrepareOptions> = {}) => prepareDataset(data, { out, loader, cut: 'square', tokenizer, imagesPerShard: 2, ...options, ...more })
  return { dir, out, loader, data, again, ...(await again()) }
}

describe('prepareDataset', () => {
  it('writes shards, and a list of them', async () => {
    const { out, manifest, written, data } = await prepareOwn()
    expect(written).toBe(5)
    expect((await readdir(out)).sort()).toEqual(
      [
        'prepared.json',
        ...['test-000000', 'test-000001', 'train-000000', 'train-000001', 'train-000002'].flatMap((name) => [`${name}.jsonl`, `${name}.tar`]),
      ].sort(),
    )
    expect(manifest).toMatchObject({
      name: 'table',
      synthetic: false,
      cut: 'square',
      recipe: { size: 12 },
      tokenizer: 'bytes',
      splits: { train: { samples: 6, images: 5, lost: 0, tokens: { longest: 19, mean: 19, p99: 19 } }, test: { samples: 3, images: 1, lost: 2 } },
    })
    const shards = await open(prepared({ dir: out }))
    expect(shards.splits).toEqual(data.splits)
    expect(shards.name).toBe('table')
    const plain = (dataset: Dataset) => dataset.samples('train').map(({ image: _, ...sample }) => sample)
    expect(plain(shards)).toEqual(plain(data))
  })

  it.each(['square', 'whole'] as const)('gives the batches of the raw files: %s', async (cut) => {
    const { out, loader, data } = await prepareOwn({ cut })
    expectEqual(await batches(await open(prepared({ dir: out })), loader, cut === 'whole'), await batches(data, loader, cut === 'whole'))
  })

  it('keeps the reason why an image is lost', async () => {
    const { out, loader } = await prepareOwn()
    const [, missing, broken] = (await open(prepared({ dir: out }))).samples('test')
    await expect(loader.load(missing.image)).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE', message: expect.stringMatching(/the file does not exist$/) })
    await expect(loader.load(broken.image)).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE', message: expect.stringContaining('unsupported image format') })
  })

  it('refuses squares of another size, and squares where crops are wanted', async () => {
    const { out, loader } = await prepareOwn()
    const [{ image }] = (await open(prepared({ dir: out }))).samples('train')
    await expect(loaderOf({ size: 16 }).load(image)).rejects.toMatchObject({ code: 'OPTION_INVALID', message: expect.stringContaining('12 pixels') })
    await expect(loader.load(image, new Random(1).rng())).rejects.toMatchObject({ code: 'OPTION_INVALID', fix: expect.stringContaining('--pixels whole') })
    await expect(loaderOf({ size: 12, augment: 'none' }).load(image, new Random(1).rng())).resolves.toHaveLength(12 * 12 * 3)
  })

  it('is read by other readers of such archives', async () => {
    const { out, loader, data } = await prepareOwn()
    const plain = await open(webDataset({ dir: out, shards: { train: ['train-000000.tar', 'train-000001.tar'] } }))
    expect(plain.samples('train').map(({ text }) => text)).toEqual([0, 1, 2, 4].map((i) => data.samples('train')[i].text))
    expect(await loader.load(plain.samples('train')[2].image)).toEqual(await loader.load(data.samples('train')[2].image))
  })

  it('leaves finished shards alone, and completes unfinished ones', async () => {
    const { out, again, manifest } = await prepareOwn()
    expect((await again()).written).toBe(0)
    const before = await readFile(join(out, 'train-000001.tar'))
    // As a kill leaves it: the list is not there, an index neither, a shard is half written under its temporary name.
    await writeFile(join(out, 'preparing.json'), await readFile(join(out, 'prepared.json')))
    await rm(join(out, 'prepared.json'))
    await rm(join(out, 'train-000001.jsonl'))
    await truncate(join(out, 'train-000001.tar'), 700)
    await writeFile(join(out, 'train-000002.tar.tmp'), 'half')
    await rm(join(out, 'train-000002.jsonl'))
    await rm(join(out, 'train-000002.tar'))
    await expect(open(prepared({ dir: out }))).rejects.toMatchObject({ code: 'DATA_STALE', message: expect.stringContaining('unfinished') })
    const completed = await again()
    expect(completed.written).toBe(2)
    expect(completed.manifest).toEqual(manifest)
    expect(await readFile(join(out, 'train-000001.tar'))).toEqual(before)
    expect((await readdir(out)).filter((name) => name.endsWith('.tmp') || name === 'preparing.json')).toEqual([])
  })

  it.each([
    ['a text', (dir: string) => appendFile(join(dir, 'train.csv'), '1.jpg,more\n')],
    ['an image', (dir: string) => utimes(join(dir, '3.jpg'), 1, 1)],
  ])('notices that %s has changed', async (_, change) => {
    const { dir, out, loader } = await prepareOwn()
    await change(dir)
    const options = { out, loader, cut: 'square', tokenizer, imagesPerShard: 2 } as const
    const changed = await open(table({ dir }))
    await expect(prepareDataset(changed, options)).rejects.toMatchObject({ code: 'DATA_STALE', fix: expect.stringContaining('--replace') })
    expect((await prepareDataset(changed, { ...options, replace: true })).written).toBe(5)
    expectEqual(await batches(await open(prepared({ dir: out })), loader, false, 1), await batches(changed, loader, false, 1))
  })

  it('notices other settings', async () => {
    const { again } = await prepareOwn()
    for (const more of [{ loader: loaderOf({ size: 16 }) }, { cut: 'whole' }, { imagesPerShard: 3 }] as const)
      await expect(again(more)).rejects.toMatchObject({ code: 'DATA_STALE' })
  })

  it('refuses a folder of something else, and leaves it alone', async () => {
    const out = await makeRelease({ 'notes.txt': 'mine' })
    await expect(prepareOwn({ out, replace: true })).rejects.toMatchObject({ code: 'OPTION_INVALID', message: expect.stringContaining('not empty') })
    expect(await readdir(out)).toEqual(['notes.txt'])
  })
})

describe('prepared', () => {
  it('refuses shards whose images have changed, unless it is told not to look', async () => {
    const { dir, out } = await prepareOwn()
    await utimes(join(dir, '4.jpg'), 5, 5)
    await expect(open(prepared({ dir: out }))).rejects.toMatchObject({ code: 'DATA_STALE', message: expect.stringContaining('4.jpg has changed') })
    await expect(open(prepared({ dir: out, source: 'ignore' }))).resolves.toBeDefined()
    await rm(dir, { recursive: true })
    expect((await open(prepared({ dir: out }))).samples('train')).toHaveLength(6)
  })

  it.each([
    ['a shard is missing', (out: string) => rm(join(out, 'train-000001.tar')), /train-000001\.tar: the file does not exist/],
    ['a shard is cut short', (out: string) => truncate(join(out, 'train-000001.tar'), 700), /train-000001\.tar: expected \d+ bytes, found 700/],
    ['an index is missing', (out: string) => rm(join(out, 'train-000001.jsonl')), /train-000001\.jsonl: the file does not exist/],
    [
      'an index is cut short',
      async (out: string) => truncate(join(out, 'train-000001.jsonl'), (await stat(join(out, 'train-000001.jsonl'))).size - 9),
      /train-000001\.jsonl:2:\d+: not valid JSON/,
    ],
    ['an index is of another shard', async (out: string) => writeFile(join(out, 'train-000001.jsonl'), '{}\n'), /train-000001\.jsonl:1:1: "samples"/],
    ['the list is no list', (out: string) => writeFile(join(out, 'prepared.json'), '{"format": 1}'), /prepared\.json: not a list of prepared shards/],
    ['the list is missing', (out: string) => rm(join(out, 'prepared.json')), /looked for "prepared\.json"/],
  ])('says so when %s', async (_, damage, message) => {
    const { out } = await prepareOwn()
    await damage(out)
    await expect(open(prepared({ dir: out }))).rejects.toMatchObject({ message: expect.stringMatching(message) })
  })
})

describeShared('batches of prepared shards', (shared) => {
  const mini = `${shared}/data/mini`
  it.each([
    ['vqa-rad', () => vqaRad({ dir: `${mini}/vqa-rad` }), 'square'],
    ['slake, cut at random', () => slake({ dir: `${mini}/slake` }), 'whole'],
  ] as const)('are those of the raw files: %s', async (_, plugin, cut) => {
    const whole = await open(plugin())
    // Each large image is decoded four times.
    const data: Dataset = { ...whole, samples: (split) => whole.samples(split).slice(0, 12) }
    const out = join(await temporaryFolder(), 'shards')
    const loader = loaderOf({ size: 48 })
    await prepareDataset(data, { out, loader, cut, imagesPerShard: 10 })
    expectEqual(await batches(await open(prepared({ dir: out })), loader, cut === 'whole', 1), await batches(data, loader, cut === 'whole', 1))
  })

  it('are those of images in memory', async () => {
    const whole = await open(medmnist({ dir: `${shared}/data/medmnist`, set: 'pneumoniamnist' }))
    const data: Dataset = { ...whole, splits: ['val'], samples: () => whole.samples('val').slice(0, 40) }
    const loader = loaderOf({ size: 28 })
    for (const cut of ['square', 'whole'] as const) {
      const out = join(await temporaryFolder(), 'shards')
      await prepareDataset(data, { out, loader, cut })
      expectEqual(await batches(await open(prepared({ dir: out })), loader, cut === 'whole', 1), await batches(data, loader, cut === 'whole', 1))
    }
  })

  it('are those of DICOM files and volumes, in the view of the run', async () => {
    const files = [
      'dicom/pydicom/MR_small.dcm',
      'dicom/pydicom/CT_small.dcm',
      'dicom/pydicom/rtdose_rle.dcm',
      'dicom/pydicom/SC_rgb_rle.dcm',
      'nifti/example4d.nii.gz',
    ]
    const rows = files.map((image, i) => JSON.stringify({ image, text: `image ${i}`, slice: [0, 0, 3, 0, 3][i] })).join('\n')
    const dir = await makeRelease({ 'train.jsonl': rows })
    const data = await open(table({ dir, images: `${shared}/data`, columns: { frame: 'slice' } }))
    const loader = loaderOf({ size: 40, view: { window: { center: 100, width: 900 }, plane: 'coronal' } })
    for (const cut of ['square', 'whole'] as const) {
      const out = join(await temporaryFolder(), 'shards')
      expect((await prepareDataset(data, { out, loader, cut })).manifest.splits.train.lost).toBe(0)
      // The patients of the first two files.
      for (const name of await readdir(out)) expect((await readFile(join(out, name))).toString('latin1'), name).not.toMatch(/CompressedSamples|4MR1|1CT1/)
      expectEqual(await batches(await open(prepared({ dir: out })), loader, cut === 'whole', 1), await batches(data, loader, cut === 'whole', 1))
    }
  })
})
