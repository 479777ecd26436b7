import { Dataset } from '@unidiag/core/contracts/dataset'
import type { Plugin } from '@unidiag/core/plugin'
import { describe, expect, it } from 'vitest'
import { withTiny } from './tiny-pipeline.js'

export interface DatasetCheck {
  /** Splits that share images in the official release, as `a/b`. */
  readonly sharedImages?: readonly string[]
}

/**
 * What every data set has to do.
 * @example describeDataset('slake', () => slake({ dir }))
 */
export function describeDataset(name: string, make: () => Plugin<Dataset>, { sharedImages = [] }: DatasetCheck = {}): void {
  describe(`${name} as a data set`, () => {
    const use = (check: (dataset: Dataset) => void) => withTiny([make()], (pipeline) => check(pipeline.getAll(Dataset)[0]))

    it('has splits with samples', () =>
      use((dataset) => {
        expect(dataset.splits.length).toBeGreaterThan(0)
        for (const split of dataset.splits) expect(dataset.samples(split).length, split).toBeGreaterThan(0)
      }))

    it('gives every sample an id of its own, an image and a text', () =>
      use((dataset) => {
        const ids = dataset.splits.flatMap((split) => dataset.samples(split).map((sample) => sample.id))
        expect(new Set(ids).size).toBe(ids.length)
        for (const split of dataset.splits)
          for (const sample of dataset.samples(split)) {
            expect(sample.imageId, sample.id).not.toBe('')
            expect(sample.text.trim(), sample.id).not.toBe('')
            expect(
              ['file', 'encoded', 'pixels'].some((kind) => kind in sample.image),
              sample.id,
            ).toBe(true)
          }
      }))

    it('has no image in two splits', () =>
      use((dataset) => {
        const images = new Map(dataset.splits.map((split) => [split, new Set(dataset.samples(split).map((sample) => sample.imageId))]))
        for (const [i, a] of dataset.splits.entries())
          for (const b of dataset.splits.slice(i + 1)) {
            if (sharedImages.includes(`${a}/${b}`)) continue
            const both = [...images.get(a)!].filter((id) => images.get(b)!.has(id))
            expect(both, `images in ${a} and in ${b}`).toEqual([])
          }
      }))

    it('is the same whenever it is read', async () => {
      const read = () =>
        withTiny([make()], (pipeline) => {
          const dataset = pipeline.getAll(Dataset)[0]
          return dataset.splits.map((split) => dataset.samples(split).map(({ id, imageId, text, answers }) => ({ id, imageId, text, answers })))
        })
      expect(await read()).toEqual(await read())
    })

    it('names its splits when asked for another', () =>
      use((dataset) => {
        expect(() => dataset.samples('no such split')).toThrow(
          expect.objectContaining({ code: 'SPLIT_UNKNOWN', message: expect.stringContaining(dataset.splits[0]) }),
        )
      }))
  })
}
