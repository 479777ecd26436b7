import { Masker } from '@unidiag/core/contracts/objective'
import { batchKeys } from '@unidiag/core/data/batch-keys'
import type { HostArray } from '@unidiag/core/data/host-array'
import type { Plugin } from '@unidiag/core/plugin'
import { describe, expect, it } from 'vitest'
import { useBackend } from '../backends.js'
import { tinyBatch, tinySamples } from '../tiny-data.js'
import { withTiny } from './tiny-pipeline.js'

/**
 * What every masker has to do: masks depend on seed, epoch and sample only, and fit each other.
 * @example describeMasker('randomPatch', () => randomPatch())
 */
export function describeMasker(name: string, make: () => Plugin<Masker>): void {
  describe(`${name} as a masker`, () => {
    useBackend()
    const prepare = (o: { samples?: number[]; epoch?: number; seed?: number } = {}) =>
      withTiny([make()], async (pipeline) => {
        const masker = pipeline.getAll(Masker)[0]
        const all = tinySamples(6)
        const samples = (o.samples ?? [0, 1, 2, 3]).map((i) => all[i])
        const { arrays } = await tinyBatch({ samples, epoch: o.epoch ?? 0, seed: o.seed ?? 0, parts: [masker] })
        return { modality: masker.modality, arrays }
      })
    /** Row `i` of what says which places are hidden. */
    const hidden = ({ modality, arrays }: Awaited<ReturnType<typeof prepare>>, i: number) => {
      const { data, shape } = arrays[modality === 'image' ? batchKeys.imageRemoved : batchKeys.maskedTextLabels]
      return [...data.subarray(i * shape[1], (i + 1) * shape[1])]
    }

    it('adds the arrays of its modality', async () => {
      const { modality, arrays } = await prepare()
      const images = [batchKeys.imageKeep, batchKeys.imageRestore, batchKeys.imageRemoved]
      const texts = [batchKeys.maskedTextIds, batchKeys.maskedTextLabels, batchKeys.maskedTextPositions]
      for (const key of modality === 'image' ? images : texts) expect(arrays).toHaveProperty([key])
      if (modality === 'image') checkImage(arrays)
      else checkText(arrays)
    })

    it('masks a sample alike in every batch', async () => {
      const [one, other] = [await prepare({ samples: [0, 1, 2, 3] }), await prepare({ samples: [4, 2] })]
      expect(hidden(other, 1)).toEqual(hidden(one, 2))
    })

    it('masks samples, epochs and seeds in their own way', async () => {
      const rows = async (o: Parameters<typeof prepare>[0]) => {
        const found = await prepare(o)
        return [0, 1, 2, 3].map((i) => hidden(found, i))
      }
      const first = await rows({})
      expect(await rows({})).toEqual(first)
      expect(await rows({ epoch: 1 })).not.toEqual(first)
      expect(await rows({ seed: 1 })).not.toEqual(first)
      expect(new Set(first.map(String)).size).toBeGreaterThan(1)
    })
  })
}

type Arrays = Readonly<Record<string, HostArray>>

function checkImage(arrays: Arrays): void {
  const [keep, restore, removed] = [batchKeys.imageKeep, batchKeys.imageRestore, batchKeys.imageRemoved].map((key) => arrays[key])
  const [batch, patches] = restore.shape
  const kept = keep.shape[1]
  expect(removed.shape).toEqual([batch, patches])
  for (let b = 0; b < batch; b++) {
    const places = Array.from({ length: patches }, (_, i) => restore.data[b * patches + i])
    expect([...places].sort((x, y) => x - y)).toEqual(places.map((_, i) => i))
    for (let i = 0; i < patches; i++) {
      const place = places[i]
      expect(removed.data[b * patches + i]).toBe(place < kept ? 0 : 1)
      if (place < kept) expect(keep.data[b * kept + place]).toBe(i)
    }
  }
}

function checkText(arrays: Arrays): void {
  const original = arrays[batchKeys.textIds].data
  const [ids, labels, positions] = [batchKeys.maskedTextIds, batchKeys.maskedTextLabels, batchKeys.maskedTextPositions].map((key) => arrays[key].data)
  const masked = [...labels.keys()].filter((i) => labels[i] !== -100)
  expect([...positions]).toEqual(masked)
  for (const i of original.keys()) {
    if (labels[i] === -100) expect(ids[i]).toBe(original[i])
    else expect(labels[i]).toBe(original[i])
  }
}
