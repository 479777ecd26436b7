import type { Sample } from '@unidiag/core/contracts/dataset'
import { batchKeys } from '@unidiag/core/data/batch-keys'
import { setUp } from '@unidiag/testing/set-up'
import { tinyDraft, tinySamples, tinyTokenizer } from '@unidiag/testing/tiny-data'
import { describe, expect, it } from 'vitest'
import { textMask } from './text-mask.js'
import { selectionSize } from './text-positions.js'

const { special } = tinyTokenizer
const specials: number[] = Object.values(special)

async function masked(options: Parameters<typeof textMask>[0], o: Parameters<typeof tinyDraft>[0] = {}) {
  const draft = tinyDraft(o)
  await (await setUp(textMask(options), { tokenizer: tinyTokenizer })).prepare?.(draft)
  const data = (key: string) => [...draft.arrays[key].data]
  return {
    original: data(batchKeys.textIds),
    ids: data(batchKeys.maskedTextIds),
    labels: data(batchKeys.maskedTextLabels),
    positions: data(batchKeys.maskedTextPositions),
    length: draft.arrays[batchKeys.textIds].shape[1],
  }
}

const texts = (text: string, count: number): Sample[] => tinySamples(count).map((sample) => ({ ...sample, text }))
const sum = (values: number[]) => values.reduce((a, b) => a + b, 0)

describe('textMask', () => {
  it.each([
    [32, 5],
    [40, 6],
    [64, 10],
    [128, 19],
    [10, 2],
    [30, 4],
    [1, 1],
  ])('selects of %i positions %i', (length, size) => {
    expect(selectionSize(0.15, length)).toBe(size)
  })

  it.each(['hf-wwm-compat', 'token', 'word'] as const)('%s: labels hold what was there, everything else stays, specials are never hidden', async (mode) => {
    const { original, ids, labels, positions } = await masked({ mode, ratio: 0.4 }, { samples: tinySamples(50) })
    expect(positions.length).toBeGreaterThan(20)
    expect(labels.flatMap((label, i) => (label === -100 ? [] : [i]))).toEqual(positions)
    for (const [i, label] of labels.entries()) {
      if (label === -100) expect(ids[i]).toBe(original[i])
      else expect(label).toBe(original[i])
    }
    for (const i of positions) expect(specials).not.toContain(original[i])
  })

  it('hf-wwm-compat: n of all positions, those on specials and padding lost', async () => {
    const count = 4000
    const { positions, length } = await masked({}, { samples: texts('a b', count), length: 32 })
    // 5 of 32 positions are drawn, 2 of 32 are real: 5 * 2 / 32 = 0.3125 a text.
    expect(length).toBe(32)
    expect(positions.length / count).toBeCloseTo(0.3125, 1)
    const perText = new Map<number, number>()
    for (const position of positions) perText.set(position >> 5, (perText.get(position >> 5) ?? 0) + 1)
    expect(perText.size).toBeLessThan(count)
  })

  it('token: n of the real tokens of each text', async () => {
    const { positions } = await masked({ mode: 'token', ratio: 0.5 }, { samples: texts('a b c d', 10) })
    expect(positions).toHaveLength(20)
  })

  it('word: every token of a word or none', async () => {
    const { original, labels } = await masked({ mode: 'word', ratio: 0.4 }, { samples: texts('q a q', 40) })
    let pairs = 0
    for (const [i, id] of original.entries()) {
      if (id !== 20) continue
      expect(labels[i] === -100).toBe(labels[i + 1] === -100)
      if (labels[i] !== -100) pairs++
    }
    expect(pairs).toBeGreaterThan(10)
  })

  it('80 % become the mask, 10 % a random id, 10 % stay', async () => {
    const { original, ids, positions } = await masked({ mode: 'token', ratio: 0.99 }, { samples: texts('a b c d e f', 3000) })
    const share = (of: (i: number) => boolean) => sum(positions.map((i) => (of(i) ? 1 : 0))) / positions.length
    // A random id is the mask or the original once in 24.
    expect(share((i) => ids[i] === special.mask)).toBeCloseTo(0.8 + 0.1 / 24, 2)
    expect(share((i) => ids[i] === original[i])).toBeCloseTo(0.1 + 0.1 / 24, 2)
  })

  it('is the same for the same seed, sample and epoch', async () => {
    const samples = tinySamples(20)
    expect(await masked({}, { samples })).toEqual(await masked({}, { samples }))
    expect((await masked({}, { samples })).positions).not.toEqual((await masked({}, { samples, epoch: 1 })).positions)
  })

  it('a text without real tokens hides nothing', async () => {
    for (const mode of ['token', 'word'] as const) expect((await masked({ mode }, { samples: texts('', 2) })).positions).toEqual([])
  })
})
