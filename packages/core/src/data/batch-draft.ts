import type { Sample } from '../contracts/dataset.js'
import type { Rng } from '../random.js'
import type { HostArray } from './host-array.js'

/** A batch on the host, ready for a step. */
export interface HostBatch {
  /** Counted over the stage, from 0; and the epoch it belongs to. */
  readonly index: number
  readonly epoch: number
  readonly samples: readonly Sample[]
  readonly arrays: Readonly<Record<string, HostArray>>
  /** Samples that could not be loaded, with the reason; they are not in `samples`. */
  readonly lost: readonly { readonly id: string; readonly reason: string }[]
}

/** A batch while its parts are being added. `arrays` already holds the image and the text. */
export interface BatchDraft {
  readonly index: number
  readonly epoch: number
  readonly samples: readonly Sample[]
  /** All samples of the split (for pre-drawn negatives). */
  readonly pool: readonly Sample[]
  /** Longest text row there can be; the rows of this batch may be shorter. */
  readonly maxLength: number
  readonly arrays: Record<string, HostArray>
  /** Random numbers that depend on (seed, stream, epoch, sample id) only. */
  rng(stream: string, sampleId?: string): Rng
  /** Normalised pixels of another sample's image, `[size, size, 3]`; undefined (and reported) when it cannot be read. */
  image(sample: Sample): Promise<Float32Array | undefined>
}
