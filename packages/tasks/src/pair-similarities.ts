import { concat, matMul, type Tensor2D, tidy, transpose } from '@tensorflow/tfjs-core'
import type { Sample } from '@unidiag/core/contracts/dataset'
import type { PairVectors } from '@unidiag/core/contracts/objective'
import { batchKeys } from '@unidiag/core/data/batch-keys'
import { BatchLoader } from '@unidiag/core/data/loader'
import { textRows } from '@unidiag/core/data/text-rows'
import type { EvaluateOptions } from '@unidiag/core/evaluate'
import { inference } from '@unidiag/core/nn/forward'
import { prefetch } from '@unidiag/core/pump'
import { readOnce, toTensor } from './host-tensors.js'
import { nowAndThen } from './now-and-then.js'

/**
 * How similar every image and every text are by the vectors of a contrastive objective: each is encoded once, and nothing is fused.
 * @returns a row of similarities by image; images that could not be loaded have none
 */
export async function pairSimilarities(
  o: EvaluateOptions,
  images: readonly Sample[],
  texts: readonly Sample[],
  vectors: PairVectors,
): Promise<Map<Sample, Float32Array>> {
  if (texts.length === 0) return new Map()
  const { model, batchSize, random, split, signal } = o
  const maxLength = o.loader.maxLength ?? model.text.maxLength
  const forward = inference()
  const ofTexts = tidy(() =>
    concat(
      Array.from({ length: Math.ceil(texts.length / batchSize) }, (_, i) => {
        signal?.throwIfAborted()
        const rows = textRows(texts.slice(i * batchSize, (i + 1) * batchSize), o.loader.tokenizer, maxLength, false)
        return tidy(() => {
          const mask = toTensor<Tensor2D>(rows[batchKeys.textMask])
          return vectors.text(model.text.encode(toTensor<Tensor2D>(rows[batchKeys.textIds]), mask, forward), mask)
        })
      }),
    ),
  )
  const loader = new BatchLoader({
    ...o.loader,
    parts: [],
    maxLength,
    samples: images,
    batchSize,
    random,
    stage: `evaluate/${split}`,
    augment: false,
    shuffle: false,
  })
  const out = new Map<Sample, Float32Array>()
  const report = nowAndThen(o.onProgress)
  try {
    for await (const batch of prefetch(loader.batches({ epochs: 1 }), 1)) {
      signal?.throwIfAborted()
      if (batch.samples.length === 0) continue
      const similar = await readOnce(
        tidy(() => matMul(vectors.image(model.image.encode(toTensor(batch.arrays[batchKeys.image]), forward)), transpose(ofTexts))),
      )
      for (const [i, image] of batch.samples.entries()) out.set(image, similar.slice(i * texts.length, (i + 1) * texts.length))
      report(() => `${split}: ${out.size} of ${images.length} images compared with ${texts.length} texts`)
    }
  } finally {
    ofTexts.dispose()
  }
  return out
}
