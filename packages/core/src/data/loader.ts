import type { Sample } from '../contracts/dataset.js'
import type { ImageLoader } from '../contracts/image-loader.js'
import type { BatchPart } from '../contracts/objective.js'
import type { Tokenizer } from '../contracts/tokenizer.js'
import { type ErrorCode, UniDiagError } from '../errors.js'
import type { Random } from '../random.js'
import type { BatchDraft, HostBatch } from './batch-draft.js'
import { batchKeys } from './batch-keys.js'
import { mapBounded } from './map-bounded.js'
import { Sampler } from './sampler.js'
import { textRows } from './text-rows.js'

export interface BatchLoaderOptions {
  readonly samples: readonly Sample[]
  readonly tokenizer: Tokenizer
  readonly images: ImageLoader
  /** Length of the longest text row; longer texts are cut, keeping their end token. */
  readonly maxLength: number
  /** Texts are padded to `maxLength`. When left out, only where a part reads padding; otherwise to the longest text of the batch, with equal results. */
  readonly padded?: boolean | undefined
  readonly batchSize: number
  /** Maskers, objectives and tasks that add arrays, in this order. */
  readonly parts: readonly BatchPart[]
  readonly random: Random
  /** Names the random streams. */
  readonly stage: string
  readonly augment: boolean
  readonly shuffle: boolean
  /** Images decoded at once. */
  readonly concurrency?: number
}

interface Lost {
  readonly id: string
  readonly reason: string
}

/** Faults of one sample; the run goes on without it. */
const sampleFaults: ReadonlySet<ErrorCode> = new Set(['IMAGE_UNREADABLE', 'TEXT_EMPTY', 'TEXT_TOO_LONG'])

/** Samples to batches on the host. What a batch holds depends on (seed, stage, epoch, sample id) only, so loading can start anywhere. */
export class BatchLoader {
  readonly batchesPerEpoch: number
  readonly #o: BatchLoaderOptions
  readonly #sampler: Sampler
  readonly #concurrency: number

  constructor(o: BatchLoaderOptions) {
    this.#o = o
    this.#sampler = new Sampler(o.samples.length, o.shuffle ? o : undefined)
    this.#concurrency = o.concurrency ?? 8
    this.batchesPerEpoch = Math.ceil(o.samples.length / o.batchSize)
  }

  /**
   * @param o.from index of the first batch, counted over the stage
   * @returns batches in order; one whose samples were all lost comes without samples and arrays
   */
  async *batches({ epochs, from = 0 }: { epochs: number; from?: number }): AsyncGenerator<HostBatch, void, undefined> {
    for (let index = from; index < epochs * this.batchesPerEpoch; index++) yield await this.#batch(index)
  }

  async #batch(index: number): Promise<HostBatch> {
    const { batchSize, tokenizer, maxLength, parts, random, stage, images } = this.#o
    const padded = this.#o.padded || parts.some(({ readsPadding }) => readsPadding)
    const epoch = Math.floor(index / this.batchesPerEpoch)
    const first = (index % this.batchesPerEpoch) * batchSize
    const chosen = Array.from(this.#sampler.slice(epoch, first, first + batchSize), (i) => this.#o.samples[i])
    const lost: Lost[] = []
    const pixels = new Map<Sample, Float32Array>()
    await mapBounded(chosen, this.#concurrency, async (sample) => {
      const loaded = await this.#load(sample, epoch, lost)
      if (loaded) pixels.set(sample, loaded)
    })
    const samples = chosen.filter((sample) => pixels.has(sample))
    if (samples.length === 0) return { index, epoch, samples, arrays: {}, lost }

    const side = images.size
    const image = new Float32Array(samples.length * side * side * 3)
    for (const [row, sample] of samples.entries()) image.set(pixels.get(sample)!, row * side * side * 3)
    const draft: BatchDraft = {
      index,
      epoch,
      samples,
      pool: this.#o.samples,
      arrays: { [batchKeys.image]: { data: image, shape: [samples.length, side, side, 3] }, ...textRows(samples, tokenizer, maxLength, padded) },
      maxLength,
      rng: (stream, sampleId) => random.rng(stream, stage, epoch, sampleId ?? index),
      image: async (sample) => pixels.get(sample) ?? this.#load(sample, epoch, lost),
    }
    for (const part of parts) await part.prepare?.(draft)
    return { index, epoch, samples, arrays: draft.arrays, lost }
  }

  async #load(sample: Sample, epoch: number, lost: Lost[]): Promise<Float32Array | undefined> {
    const { images, augment, random, stage } = this.#o
    try {
      if (sample.text.trim() === '') throw new UniDiagError('TEXT_EMPTY', 'the text is empty')
      return await images.load(sample.image, augment ? random.rng('augment', stage, epoch, sample.id) : undefined)
    } catch (error) {
      if (!(error instanceof UniDiagError) || !sampleFaults.has(error.code)) throw error
      lost.push({ id: sample.id, reason: error.message })
      return undefined
    }
  }
}
