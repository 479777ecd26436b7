import { batchKeys } from '@unidiag/core/data/batch-keys'
import { setUp } from '@unidiag/testing/set-up'
import { tinyDraft, tinySamples } from '@unidiag/testing/tiny-data'
import { describe, expect, it } from 'vitest'
import { hidePatches, keptPatches, randomPatch } from './random-patch.js'

const image = { width: 8, imageSize: 8, patchSize: 2 }

describe('randomPatch', () => {
  it.each([
    [196, 49],
    [324, 81],
    [576, 144],
  ])('keeps a quarter of %i patches', (patches, kept) => {
    expect(keptPatches(patches, 0.75)).toBe(kept)
  })

  it('keeps the smallest noise in its order, and says where everything went', () => {
    const hidden = hidePatches([[0.4, 0.1, 0.9, 0.1]], 2)
    expect(hidden[batchKeys.imageKeep]).toEqual({ data: Int32Array.of(1, 3), shape: [1, 2] })
    expect(hidden[batchKeys.imageRestore]).toEqual({ data: Int32Array.of(2, 0, 3, 1), shape: [1, 4] })
    expect(hidden[batchKeys.imageRemoved]).toEqual({ data: Float32Array.of(1, 0, 1, 0), shape: [1, 4] })
  })

  it('depends on the sample and the epoch, not on the batch around it', async () => {
    const masker = await setUp(randomPatch(), { image })
    const keep = async (o: Parameters<typeof tinyDraft>[0]) => {
      const draft = tinyDraft(o)
      await masker.prepare?.(draft)
      return [...draft.arrays[batchKeys.imageKeep].data].slice(0, 4)
    }
    const samples = tinySamples(4)
    expect(await keep({ samples })).toEqual(await keep({ samples: samples.slice(0, 1) }))
    expect(await keep({ samples })).not.toEqual(await keep({ samples, epoch: 1 }))
  })

  it('keeps every patch equally often', async () => {
    const masker = await setUp(randomPatch(), { image })
    const draft = tinyDraft({ samples: tinySamples(2000) })
    await masker.prepare?.(draft)
    const counts = new Float64Array(16)
    for (const patch of draft.arrays[batchKeys.imageKeep].data) counts[patch]++
    // 2000 * 4 / 16 = 500, standard deviation 19.4
    for (const count of counts) expect(Math.abs(count - 500)).toBeLessThan(100)
  })

  it('refuses a ratio that keeps nothing', async () => {
    await expect(setUp(randomPatch({ ratio: 0.95 }), { image })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })
})
