import { ImageEncoder } from '@unidiag/core/contracts/encoders'
import { Masker } from '@unidiag/core/contracts/objective'
import { batchKeys } from '@unidiag/core/data/batch-keys'
import type { HostArray } from '@unidiag/core/data/host-array'
import { UniDiagError } from '@unidiag/core/errors'
import { definePlugin } from '@unidiag/core/plugin'
import { z } from 'zod'

/**
 * Hides random patches, MAE style: of the N patches of a sample, the floor(N * (1 - ratio)) with the smallest noise stay (reference: m3ae_module.py).
 * Adds `image.keep`, `image.restore` and `image.removed` to a batch.
 */
export const randomPatch = definePlugin({
  name: '@unidiag/pretrain/random-patch',
  provides: Masker,
  needs: { image: ImageEncoder },
  options: z.strictObject({
    /** Share of patches to hide (P 3.2.1: 75 %). */
    ratio: z.number().gt(0).lt(1).default(0.75),
  }),
  setup({ needs, options }): Masker {
    const patches = (needs.image.imageSize / needs.image.patchSize) ** 2
    const keep = keptPatches(patches, options.ratio)
    return {
      name: 'random-patch',
      modality: 'image',
      prepare(draft) {
        const noise = draft.samples.map(({ id }) => draft.rng('random-patch', id).uniforms(patches))
        Object.assign(draft.arrays, hidePatches(noise, keep))
      },
    }
  },
})

/** @throws UniDiagError OPTION_INVALID when nothing or everything would be hidden */
export function keptPatches(patches: number, ratio: number): number {
  const keep = Math.floor(patches * (1 - ratio))
  if (keep >= 1 && keep < patches) return keep
  throw new UniDiagError('OPTION_INVALID', `ratio ${ratio} keeps ${keep} of ${patches} patches`, {
    fix: `Choose a ratio that keeps at least 1 and hides at least 1 of the ${patches} patches, or a larger image.`,
  })
}

/**
 * The arrays of a masked batch.
 * @param noise for each sample a number for each of the N patches
 * @param keep K, the number of patches with the smallest noise to keep, in the order of their noise
 */
export function hidePatches(noise: readonly ArrayLike<number>[], keep: number): Record<string, HostArray> {
  const patches = noise[0]?.length ?? 0
  const kept = new Int32Array(noise.length * keep)
  const restore = new Int32Array(noise.length * patches)
  const removed = new Float32Array(noise.length * patches).fill(1)
  noise.forEach((values, sample) => {
    const order = Int32Array.from({ length: patches }, (_, i) => i).sort((a, b) => values[a] - values[b] || a - b)
    order.forEach((patch, rank) => {
      restore[sample * patches + patch] = rank
      if (rank >= keep) return
      kept[sample * keep + rank] = patch
      removed[sample * patches + patch] = 0
    })
  })
  return {
    [batchKeys.imageKeep]: { data: kept, shape: [noise.length, keep] },
    [batchKeys.imageRestore]: { data: restore, shape: [noise.length, patches] },
    [batchKeys.imageRemoved]: { data: removed, shape: [noise.length, patches] },
  }
}
