import type { Sample } from '@unidiag/core/contracts/dataset'
import type { BatchDraft } from '@unidiag/core/data/batch-draft'
import { batchKeys } from '@unidiag/core/data/batch-keys'
import type { Rng } from '@unidiag/core/random'

/** Batch keys of image-text matching: `[B, H, W, 3]` pixels and `[B]` int32 labels, 1 = the image belongs to the text. */
export const itmKeys = { image: 'itm.image', labels: 'itm.labels' } as const

/** Unreadable images in a row before a pair is left matched. */
const ATTEMPTS = 8

/**
 * Half matched, half mismatched pairs (reference: objectives.py): floor(B / 2) ones, permuted; where the label is 0 the image is that of another
 * (image, text) pair of the pool, drawn uniformly. A sample for which there is no other image stays matched.
 */
export async function matchingPairs(draft: BatchDraft, excludeSelf: boolean): Promise<void> {
  const { samples } = draft
  const { data, shape } = draft.arrays[batchKeys.image]
  const size = data.length / samples.length
  const pixels = Float32Array.from(data)
  const labels = new Int32Array(samples.length).fill(1)
  // A sample is drawn once an epoch, so its id names this batch.
  const order = draft.rng('itm-labels', samples[0].id).permutation(samples.length)
  const mismatched = [...order.keys()].filter((row) => order[row] >= Math.floor(samples.length / 2))
  await Promise.all(
    mismatched.map(async (row) => {
      const other = await otherImage(draft, samples[row], excludeSelf)
      if (!other) return
      pixels.set(other, row * size)
      labels[row] = 0
    }),
  )
  draft.arrays[itmKeys.image] = { data: pixels, shape }
  draft.arrays[itmKeys.labels] = { data: labels, shape: [samples.length] }
}

async function otherImage(draft: BatchDraft, sample: Sample, excludeSelf: boolean): Promise<Float32Array | undefined> {
  const allowed = (other: Sample): boolean => !excludeSelf || other.imageId !== sample.imageId
  if (!draft.pool.some(allowed)) return undefined
  const rng = draft.rng('itm-negative', sample.id)
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const image = await draft.image(draw(draft.pool, allowed, rng))
    if (image) return image
  }
  return undefined
}

/** Uniform over the allowed samples; at least one must be. */
function draw(pool: readonly Sample[], allowed: (sample: Sample) => boolean, rng: Rng): Sample {
  for (;;) {
    const candidate = pool[rng.int(pool.length)]
    if (allowed(candidate)) return candidate
  }
}
