import { token } from '../token.js'

/**
 * Where an image comes from:
 *
 * - a file; `frame`, from 0, is one of several frames of a DICOM file or slices of a volume (the middle one when left out)
 * - bytes of an image file that lie elsewhere, such as in a shard; `name` identifies them, and is what errors show. With a `side` they are the square of
 *   that many pixels that a loader made ahead: only a loader of this size may take it, and none that cuts at random
 * - pixels made in memory (row-major, interleaved channels, 0-255)
 */
export type ImageSource =
  | { readonly file: string; readonly frame?: number }
  | { readonly name: string; readonly encoded: () => Promise<Uint8Array>; readonly side?: number }
  | { readonly pixels: () => { readonly data: Uint8Array; readonly width: number; readonly height: number; readonly channels: 1 | 3 } }

/** One (image, text) pair on the host, before decoding. Never holds a tensor. */
export interface Sample {
  /** Unique in the data set; the only thing that logs and events show of a sample. */
  readonly id: string
  /** Identity of the image (several samples can share one); splits must not share it. */
  readonly imageId: string
  readonly image: ImageSource
  /** Caption or question. */
  readonly text: string
  /** Answers to a question, as written in the release. */
  readonly answers?: readonly string[]
  readonly answerType?: 'open' | 'closed'
  /** Further columns by name (organ, modality, question type, class labels). */
  readonly fields?: Readonly<Record<string, string>>
}

/** A data set in its official release layout. `samples` is cheap to iterate: it holds texts and references, no pixels. */
export interface Dataset {
  readonly name: string
  /** True for invented data; shown wherever a score appears. */
  readonly synthetic: boolean
  readonly splits: readonly string[]
  /** The samples of a split in file order. @throws UniDiagError SPLIT_UNKNOWN */
  samples(split: string): readonly Sample[]
}

export const Dataset = token<Dataset>('Dataset', { arity: 'many' })
