import { concat, dispose, reshape, slice, type Tensor, type Tensor2D, type Tensor3D, tensor, tidy } from '@tensorflow/tfjs-core'
import type { Sample } from '@unidiag/core/contracts/dataset'
import type { Pooled } from '@unidiag/core/contracts/encoders'
import { batchKeys } from '@unidiag/core/data/batch-keys'
import type { HostArray } from '@unidiag/core/data/host-array'
import { BatchLoader } from '@unidiag/core/data/loader'
import { textRows } from '@unidiag/core/data/text-rows'
import type { EvaluateOptions } from '@unidiag/core/evaluate'
import { Forward } from '@unidiag/core/nn/forward'
import { repeatEach } from '@unidiag/core/ops/repeat-each'
import { prefetch } from '@unidiag/core/pump'
import type { ScoreFile } from './score-file.js'

const SECONDS_BETWEEN_REPORTS = 10

export interface PairScoreOptions {
  /** `[P, 1]` scores of pooled pairs. */
  readonly head: (pooled: Pooled) => Tensor2D
  /** Pairs that are fused at once. */
  readonly pairs: number
  /** Where rows go as they are made, and come from when an evaluation goes on. */
  readonly file?: ScoreFile | undefined
}

/**
 * Scores every image against every text. Texts are encoded once and kept, images are encoded once when their turn comes; only the fusion
 * runs for each pair, with nothing left out (reference: objectives.py).
 * @returns a row of scores by image; images that could not be loaded have none
 */
export async function pairScores(
  o: EvaluateOptions,
  images: readonly Sample[],
  texts: readonly Sample[],
  { head, pairs, file }: PairScoreOptions,
): Promise<Map<Sample, Float32Array>> {
  const { model, batchSize, pooling, random, split } = o
  const maxLength = o.loader.maxLength ?? model.text.maxLength
  const inference = new Forward({ training: false })
  const rows = new Map<Sample, Float32Array>()
  const done = (await file?.rows(texts.length)) ?? []
  for (const [i, row] of done.entries()) if (!Number.isNaN(row[0])) rows.set(images[i], row)
  const samples = images.slice(done.length)
  if (samples.length === 0) return rows
  const chunks = Array.from({ length: Math.ceil(texts.length / pairs) }, (_, i) => {
    const encoded = textRows(texts.slice(i * pairs, (i + 1) * pairs), o.loader.tokenizer, maxLength)
    return tidy(() => {
      const mask = toTensor<Tensor2D>(encoded[batchKeys.textMask])
      return { mask, tokens: model.text.encode(toTensor<Tensor2D>(encoded[batchKeys.textIds]), mask, inference) }
    })
  })
  const loader = new BatchLoader({ ...o.loader, parts: [], maxLength, samples, batchSize, random, stage: `evaluate/${split}`, augment: false, shuffle: false })
  let reported = performance.now()
  let next = 0
  try {
    for await (const batch of prefetch(loader.batches({ epochs: 1 }), 1)) {
      for (const lost of batch.lost) o.onLost?.(lost)
      const encoded = batch.samples.length === 0 ? undefined : tidy(() => model.image.encode(toTensor(batch.arrays[batchKeys.image]), inference))
      try {
        for (const image of samples.slice(next, next + batchSize)) {
          o.signal?.throwIfAborted()
          const i = batch.samples.indexOf(image)
          const row = encoded && i >= 0 ? await rowOf(tidy(() => scoresOf(slice(encoded, [i, 0, 0], [1, -1, -1])))) : undefined
          if (row) rows.set(image, row)
          await file?.append(row ?? new Float32Array(texts.length).fill(Number.NaN))
          next++
          if (performance.now() - reported < 1000 * SECONDS_BETWEEN_REPORTS) continue
          reported = performance.now()
          o.onProgress?.(`${split}: ${done.length + next} of ${images.length} images scored against ${texts.length} texts`)
        }
      } finally {
        encoded?.dispose()
      }
    }
  } finally {
    for (const chunk of chunks) dispose([chunk.mask, chunk.tokens])
  }
  return rows

  function scoresOf(image: Tensor3D): Tensor {
    const parts = chunks.map(({ tokens, mask }) =>
      tidy(() => {
        const streams = model.fusion.fuse(tokens, repeatEach(image, tokens.shape[0]), mask, inference)
        return reshape(head(model.fusion.pool(streams, mask, pooling, inference)), [-1])
      }),
    )
    return concat(parts)
  }
}

async function rowOf(scores: Tensor): Promise<Float32Array> {
  try {
    return Float32Array.from((await scores.data()) as Float32Array)
  } finally {
    scores.dispose()
  }
}

const toTensor = <T extends Tensor>({ data, shape }: HostArray): T =>
  tensor(data, shape as number[], data instanceof Int32Array ? 'int32' : 'float32') as Tensor as T
