import type { Sample } from '../contracts/dataset.js'
import type { ImageLoader } from '../contracts/image-loader.js'
import type { BatchPart } from '../contracts/objective.js'
import type { Tokenizer } from '../contracts/tokenizer.js'
import type { Random } from '../random.js'
import type { HostBatch } from './batch-draft.js'

export interface BatchLoaderOptions {
  readonly samples: readonly Sample[]
  readonly tokenizer: Tokenizer
  readonly images: ImageLoader
  /** Length L of every text row; longer texts are cut, keeping their end token. */
  readonly maxLength: number
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

/** Samples to batches on the host. What a batch holds depends on (seed, stage, epoch, batch) only, so loading can start anywhere. */
export class BatchLoader {
  readonly batchesPerEpoch: number

  constructor(o: BatchLoaderOptions) {
    this.batchesPerEpoch = Math.ceil(o.samples.length / o.batchSize)
  }

  /** @param o.from index of the first batch, counted over the stage. A batch whose samples were all lost has no samples and no arrays. */
  batches(_o: { epochs: number; from?: number }): AsyncIterable<HostBatch> {
    throw new Error('not yet')
  }
}
