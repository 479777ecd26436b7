import { concat, dispose, gather, reshape, slice, type Tensor, type Tensor2D, type Tensor3D, tensor1d, tidy } from '@tensorflow/tfjs-core'
import type { Sample } from '@unidiag/core/contracts/dataset'
import type { Pooled } from '@unidiag/core/contracts/encoders'
import { batchKeys } from '@unidiag/core/data/batch-keys'
import { BatchLoader } from '@unidiag/core/data/loader'
import { textRows } from '@unidiag/core/data/text-rows'
import type { EvaluateOptions } from '@unidiag/core/evaluate'
import { Forward } from '@unidiag/core/nn/forward'
import { repeatEach } from '@unidiag/core/ops/repeat-each'
import { prefetch } from '@unidiag/core/pump'
import { readOnce, toTensor } from './host-tensors.js'
import { nowAndThen } from './now-and-then.js'
import type { ScoreFile } from './score-file.js'

export interface PairScoreOptions {
  /** `[P, 1]` scores of pooled pairs. */
  readonly head: (pooled: Pooled) => Tensor2D
  /** Pairs that are fused at once. */
  readonly pairs: number
  /** Where rows go as they are made, and come from when an evaluation goes on. */
  readonly file?: ScoreFile | undefined
  /** The texts that an image is fused with, ascending; the others score -Infinity. All when left out. */
  readonly wanted?: ((image: Sample) => Int32Array) | undefined
}

/**
 * Scores every image against every text. Texts are encoded once and kept, images are encoded once when their turn comes; only the fusion
 * runs for each pair, with nothing left out unless that is wanted (reference: objectives.py).
 * @returns a row of scores by image; images that could not be loaded have none
 */
export async function pairScores(
  o: EvaluateOptions,
  images: readonly Sample[],
  texts: readonly Sample[],
  { head, pairs, file, wanted }: PairScoreOptions,
): Promise<Map<Sample, Float32Array>> {
  const { model, batchSize, pooling, random, split } = o
  const maxLength = o.loader.maxLength ?? model.text.maxLength
  const inference = new Forward({ training: false })
  const rows = new Map<Sample, Float32Array>()
  const done = (await file?.rows(texts.length)) ?? []
  for (const [i, row] of done.entries()) if (!Number.isNaN(row[0])) rows.set(images[i], row)
  const samples = images.slice(done.length)
  if (samples.length === 0) return rows
  const chunks: TextChunk[] = Array.from({ length: Math.ceil(texts.length / pairs) }, (_, i) => {
    const encoded = textRows(texts.slice(i * pairs, (i + 1) * pairs), o.loader.tokenizer, maxLength, pooling === 'mean')
    return tidy(() => {
      const mask = toTensor<Tensor2D>(encoded[batchKeys.textMask])
      return { mask, tokens: model.text.encode(toTensor<Tensor2D>(encoded[batchKeys.textIds]), mask, inference) }
    })
  })
  const loader = new BatchLoader({ ...o.loader, parts: [], maxLength, samples, batchSize, random, stage: `evaluate/${split}`, augment: false, shuffle: false })
  const report = nowAndThen(o.onProgress)
  let next = 0
  try {
    for await (const batch of prefetch(loader.batches({ epochs: 1 }), 1)) {
      for (const lost of batch.lost) o.onLost?.(lost)
      const encoded = batch.samples.length === 0 ? undefined : tidy(() => model.image.encode(toTensor(batch.arrays[batchKeys.image]), inference))
      try {
        for (const image of samples.slice(next, next + batchSize)) {
          o.signal?.throwIfAborted()
          const i = batch.samples.indexOf(image)
          const row =
            encoded && i >= 0
              ? await scoresOf(
                  tidy(() => slice(encoded, [i, 0, 0], [1, -1, -1])),
                  wanted?.(image),
                )
              : undefined
          if (row) rows.set(image, row)
          await file?.append(row ?? new Float32Array(texts.length).fill(Number.NaN))
          next++
          report(() => `${split}: ${done.length + next} of ${images.length} images scored against ${texts.length} texts`)
        }
      } finally {
        encoded?.dispose()
      }
    }
  } finally {
    for (const chunk of chunks) dispose([chunk.mask, chunk.tokens])
  }
  return rows

  /** @param image is disposed */
  async function scoresOf(image: Tensor3D, some: Int32Array | undefined): Promise<Float32Array> {
    const scored = tidy(() => {
      const parts = chunks.flatMap((chunk, c) => {
        const places = some && placesIn(some, c * pairs, pairs)
        return places?.length === 0 ? [] : [tidy(() => fused(image, places ? chosen(chunk, places) : chunk))]
      })
      return parts.length === 0 ? undefined : concat(parts)
    })
    image.dispose()
    const scores = scored ? await readOnce(scored) : new Float32Array(0)
    if (!some) return scores
    const row = new Float32Array(texts.length).fill(Number.NEGATIVE_INFINITY)
    for (const [at, text] of some.entries()) row[text] = scores[at]
    return row
  }

  function fused(image: Tensor3D, { tokens, mask }: TextChunk): Tensor {
    const streams = model.fusion.fuse(tokens, repeatEach(image, tokens.shape[0]), mask, inference)
    return reshape(head(model.fusion.pool(streams, mask, pooling, inference)), [-1])
  }
}

interface TextChunk {
  readonly tokens: Tensor3D
  readonly mask: Tensor2D
}

/** Those of ascending places that lie in a chunk, counted from its start. */
const placesIn = (places: Int32Array, from: number, length: number): Int32Array =>
  places.filter((place) => place >= from && place < from + length).map((place) => place - from)

function chosen({ tokens, mask }: TextChunk, places: Int32Array): TextChunk {
  const rows = tensor1d(places, 'int32')
  return { tokens: gather(tokens, rows), mask: gather(mask, rows) }
}
