import { describe, expect, it } from 'vitest'
import type { Sample } from '../contracts/dataset.js'
import type { BatchPart } from '../contracts/objective.js'
import { UniDiagError } from '../errors.js'
import { Random } from '../random.js'
import type { HostBatch } from './batch-draft.js'
import { batchKeys } from './batch-keys.js'
import { BatchLoader, type BatchLoaderOptions } from './loader.js'

const words: BatchLoaderOptions['tokenizer'] = {
  vocabSize: 100,
  special: { bos: 0, pad: 1, eos: 2, unk: 3, mask: 4 },
  encode: (text) => [0, ...text.split(' ').map((word) => 10 + word.length), 2],
  words: (text) => [-1, ...text.split(' ').map((_, i) => i), -1],
  fingerprint: 'words',
}

const sample = (i: number, extra: Partial<Sample> = {}): Sample => ({
  id: `s${i}`,
  imageId: `i${i}`,
  image: { file: `${i}.png` },
  text: 'a '.repeat(i % 4).concat('end'),
  ...extra,
})
const samples = Array.from({ length: 11 }, (_, i) => sample(i))

const loader = (o: Partial<BatchLoaderOptions> = {}) =>
  new BatchLoader({
    samples,
    tokenizer: words,
    images: { size: 2, load: async (image, rng) => new Float32Array(12).fill(Number.parseInt((image as { file: string }).file, 10) + (rng?.uniform() ?? 0)) },
    maxLength: 4,
    batchSize: 4,
    parts: [],
    random: new Random(1),
    stage: 'test',
    augment: false,
    shuffle: true,
    ...o,
  })

async function collect(batches: AsyncIterable<HostBatch>): Promise<HostBatch[]> {
  const out: HostBatch[] = []
  for await (const batch of batches) out.push(batch)
  return out
}
const ids = (batches: HostBatch[]) => batches.map((batch) => batch.samples.map((s) => s.id))
const breaking = (...broken: number[]) => ({
  size: 2,
  load: async (image: Sample['image']) => {
    const at = Number.parseInt((image as { file: string }).file, 10)
    if (broken.includes(at)) throw new UniDiagError('IMAGE_UNREADABLE', `${at}.png is truncated`)
    return new Float32Array(12).fill(at)
  },
})

describe('BatchLoader', () => {
  it('pads to the longest text of the batch, or to the full length where a part reads padding', async () => {
    const short = samples.filter(({ text }) => text === 'end')
    const [trimmed] = await collect(loader({ samples: short }).batches({ epochs: 1 }))
    expect(trimmed.arrays[batchKeys.textIds]).toEqual({ data: Int32Array.of(0, 13, 2, 0, 13, 2, 0, 13, 2), shape: [3, 3] })
    expect(trimmed.arrays[batchKeys.textMask].data).toEqual(new Int32Array(9).fill(1))
    for (const o of [{ padded: true }, { parts: [{ readsPadding: true }] }]) {
      const [padded] = await collect(loader({ samples: short, ...o }).batches({ epochs: 1 }))
      expect(padded.arrays[batchKeys.textIds]).toEqual({ data: Int32Array.of(0, 13, 2, 1, 0, 13, 2, 1, 0, 13, 2, 1), shape: [3, 4] })
    }
  })

  it('visits every sample once an epoch, in another order each', async () => {
    const it = loader()
    expect(it.batchesPerEpoch).toBe(3)
    const batches = await collect(it.batches({ epochs: 2 }))
    expect(batches.map((b) => [b.index, b.epoch, b.samples.length])).toEqual([
      [0, 0, 4],
      [1, 0, 4],
      [2, 0, 3],
      [3, 1, 4],
      [4, 1, 4],
      [5, 1, 3],
    ])
    const epochs = [ids(batches.slice(0, 3)).flat(), ids(batches.slice(3)).flat()]
    for (const epoch of epochs) expect([...epoch].sort()).toEqual(samples.map((s) => s.id).sort())
    expect(epochs[0]).not.toEqual(epochs[1])
  })

  it('keeps file order without shuffling', async () => {
    expect(ids(await collect(loader({ shuffle: false }).batches({ epochs: 1 }))).flat()).toEqual(samples.map((s) => s.id))
  })

  it('makes images and padded, cut texts', async () => {
    const [batch] = await collect(loader({ shuffle: false }).batches({ epochs: 1 }))
    expect(batch.arrays[batchKeys.image].shape).toEqual([4, 2, 2, 3])
    expect([...batch.arrays[batchKeys.image].data]).toEqual([0, 1, 2, 3].flatMap((i) => Array(12).fill(i)))
    expect(batch.arrays[batchKeys.textIds]).toEqual({
      shape: [4, 4],
      data: Int32Array.of(0, 13, 2, 1, /* */ 0, 11, 13, 2, /* cut, end kept: */ 0, 11, 11, 2, /* */ 0, 11, 11, 2),
    })
    expect([...batch.arrays[batchKeys.textMask].data]).toEqual([1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1])
  })

  it('can start at any batch and gives the same, bit for bit', async () => {
    const noise: BatchPart = {
      prepare(draft) {
        const data = Float32Array.from(draft.samples, (s) => draft.rng('noise', s.id).uniform())
        draft.arrays.noise = { data, shape: [data.length] }
        draft.arrays.batchNoise = { data: draft.rng('batch').uniforms(3), shape: [3] }
      },
    }
    const whole = await collect(loader({ augment: true, parts: [noise] }).batches({ epochs: 3 }))
    for (const from of [1, 3, 7]) expect(await collect(loader({ augment: true, parts: [noise] }).batches({ epochs: 3, from }))).toEqual(whole.slice(from))
  })

  it('draws per sample, not per batch', async () => {
    const noise: BatchPart = {
      prepare(draft) {
        for (const s of draft.samples) seen.set(`${draft.epoch} ${s.id}`, [...(seen.get(`${draft.epoch} ${s.id}`) ?? []), draft.rng('noise', s.id).uniform()])
      },
    }
    const seen = new Map<string, number[]>()
    for (const batchSize of [4, 3]) await collect(loader({ batchSize, parts: [noise] }).batches({ epochs: 2 }))
    expect(seen.size).toBe(22)
    for (const [a, b] of seen.values()) expect(a).toBe(b)
    expect(new Set([...seen.values()].map(([a]) => a)).size).toBe(22)
  })

  it('augments only when asked, differently each epoch', async () => {
    const first = async (o: Partial<BatchLoaderOptions>) =>
      (await collect(loader({ ...o, samples: samples.slice(3, 4) }).batches({ epochs: 2 }))).map((b) => b.arrays[batchKeys.image].data[0])
    expect(await first({ augment: false })).toEqual([3, 3])
    const [a, b] = await first({ augment: true })
    expect(a).not.toBe(3)
    expect(a).not.toBe(b)
  })

  it('drops broken samples and says so', async () => {
    const empty = [...samples.slice(0, 10), sample(10, { text: '  ' })]
    const batches = await collect(loader({ samples: empty, shuffle: false, images: breaking(1, 2) }).batches({ epochs: 1 }))
    expect(ids(batches)).toEqual([
      ['s0', 's3'],
      ['s4', 's5', 's6', 's7'],
      ['s8', 's9'],
    ])
    expect(batches[0].arrays[batchKeys.textIds].shape).toEqual([2, 4])
    expect([...batches[0].arrays[batchKeys.image].data]).toEqual([...Array(12).fill(0), ...Array(12).fill(3)])
    expect(batches.map((b) => b.lost)).toEqual([
      [
        { id: 's1', reason: '1.png is truncated' },
        { id: 's2', reason: '2.png is truncated' },
      ],
      [],
      [{ id: 's10', reason: 'the text is empty' }],
    ])
  })

  it('gives an empty batch when all its samples are lost, without asking its parts', async () => {
    const part = { prepare: (draft: { samples: readonly Sample[] }) => expect(draft.samples.length).toBeGreaterThan(0) }
    const batches = await collect(loader({ shuffle: false, images: breaking(4, 5, 6, 7), parts: [part] }).batches({ epochs: 1 }))
    expect(batches[1]).toMatchObject({ index: 1, samples: [], arrays: {} })
    expect(batches[1].lost).toHaveLength(4)
  })

  it('lets a part load images of other samples, reporting broken ones', async () => {
    const got: (number | undefined)[] = []
    const part: BatchPart = {
      async prepare(draft) {
        for (const at of [5, 9]) got.push((await draft.image(draft.pool[at]))?.[0])
      },
    }
    const [batch] = await collect(
      loader({ samples: samples.slice(0, 10), shuffle: false, batchSize: 10, images: breaking(9), parts: [part] }).batches({ epochs: 1 }),
    )
    expect(got).toEqual([5, undefined])
    expect(batch.lost.map((l) => l.id)).toContain('s9')
  })

  it('decodes a bounded number of images at once', async () => {
    let running = 0
    let most = 0
    const images = {
      size: 2,
      load: async () => {
        most = Math.max(most, ++running)
        await new Promise((resolve) => setTimeout(resolve, 1))
        running--
        return new Float32Array(12)
      },
    }
    await collect(loader({ batchSize: 11, images, concurrency: 3 }).batches({ epochs: 1 }))
    expect(most).toBe(3)
  })

  it('does not hide other errors', async () => {
    const images = { size: 2, load: () => Promise.reject(new TypeError('a bug')) }
    await expect(collect(loader({ images }).batches({ epochs: 1 }))).rejects.toThrow('a bug')
  })
})
