import { batchKeys } from '@unidiag/core/data/batch-keys'
import { tinyDraft, tinyPixels, tinySamples } from '@unidiag/testing/tiny-data'
import { describe, expect, it } from 'vitest'
import { itmKeys, matchingPairs } from './matching-pairs.js'

const row = (data: Float32Array | Int32Array, i: number) => [...data.subarray(i * 192, (i + 1) * 192)]

describe('matchingPairs', () => {
  it.each([
    [4, 2],
    [5, 2],
    [1, 0],
  ])('of %i pairs %i are matched, and every other one has an image that is not its own', async (size, matched) => {
    const pool = tinySamples(40)
    for (let start = 0; start + size <= 40; start += size) {
      const samples = pool.slice(start, start + size)
      const draft = tinyDraft({ samples, pool })
      await matchingPairs(draft, true)
      const labels = draft.arrays[itmKeys.labels].data
      expect([...labels].filter((label) => label === 1)).toHaveLength(matched)
      samples.forEach((sample, i) => {
        const pixels = row(draft.arrays[itmKeys.image].data, i)
        const own = [...tinyPixels(sample)]
        if (labels[i] === 1) expect(pixels).toEqual(own)
        else expect(pixels).not.toEqual(own)
      })
      // The batch's own images stay.
      expect(row(draft.arrays[batchKeys.image].data, 0)).toEqual([...tinyPixels(samples[0])])
    }
  })

  it('matches different places in different batches', async () => {
    const pool = tinySamples(40)
    const seen = new Set<string>()
    for (let start = 0; start < 40; start += 4) {
      const draft = tinyDraft({ samples: pool.slice(start, start + 4), pool })
      await matchingPairs(draft, true)
      seen.add([...draft.arrays[itmKeys.labels].data].join())
    }
    expect(seen.size).toBeGreaterThan(2)
  })

  it('leaves pairs matched when there is no other image, or none can be read', async () => {
    const alone = tinyDraft({ samples: tinySamples(2) })
    await matchingPairs(alone, true)
    expect([...alone.arrays[itmKeys.labels].data]).toEqual([1, 1])

    const broken = { ...tinyDraft({ samples: tinySamples(6) }), image: async () => undefined }
    await matchingPairs(broken, true)
    expect([...broken.arrays[itmKeys.labels].data]).toEqual([1, 1, 1, 1, 1, 1])
  })

  it('may draw the true image when told so, as the released code does', async () => {
    const draft = tinyDraft({ samples: tinySamples(2) })
    await matchingPairs(draft, false)
    expect([...draft.arrays[itmKeys.labels].data].sort()).toEqual([0, 1])
  })
})
