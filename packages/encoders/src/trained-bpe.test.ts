import type { Dataset } from '@unidiag/core/contracts/dataset'
import type { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { setUp } from '@unidiag/testing/set-up'
import { describe, expect, it } from 'vitest'
import { trainedBpe } from './trained-bpe.js'

const dataset = (name: string, splits: Record<string, string[]>): Dataset => ({
  name,
  synthetic: true,
  splits: Object.keys(splits),
  samples: (split) => splits[split].map((text, i) => ({ id: `${split}${i}`, imageId: `${i}`, image: { file: '' }, text, answers: ['pneumothorax'] })),
})
const captions = dataset('captions', { train: ['small nodule', 'large nodule'], test: ['effusion effusion effusion'] })
const questions = dataset('questions', { train: ['where is it?', 'where is the nodule?'], test: ['is it?'] })
const unlabelled = dataset('unlabelled', { test: ['effusion'] })

const make = (datasets: readonly Dataset[], options: { datasets?: [string]; split?: string } = {}) =>
  setUp(trainedBpe({ vocabSize: 600, ...options }), { datasets })
const tokens = ({ json }: Tokenizer) => Object.keys((JSON.parse(json as string) as { model: { vocab: Record<string, number> } }).model.vocab)

describe('trained-bpe', () => {
  it('learns from the training texts of every data set, and from nothing else', async () => {
    const learned = tokens(await make([captions, questions, unlabelled]))
    expect(learned).toContain('Ġnodule')
    expect(learned).toContain('where')
    expect(learned.join()).not.toMatch(/eff|pneu/)
  })

  it('learns from the data sets and the split it is told', async () => {
    expect(tokens(await make([captions, questions], { datasets: ['questions'] }))).not.toContain('Ġnodule')
    expect(tokens(await make([captions, questions], { split: 'test' }))).toContain('Ġeffusion')
  })

  it('gives the same tokenizer for the same texts', async () => {
    expect((await make([captions, questions])).fingerprint).toBe((await make([questions, captions])).fingerprint)
    expect((await make([captions])).fingerprint).not.toBe((await make([questions])).fingerprint)
  })

  it('refuses a vocabulary that cannot hold the bytes', async () => {
    expect(trainedBpe.definition.options.safeParse({ vocabSize: 260 }).success).toBe(false)
    expect(trainedBpe.definition.options.safeParse({ vocabSize: 261 }).success).toBe(true)
  })

  it('says which data sets there are when it is given none it can use', async () => {
    await expect(make([captions], { datasets: ['caption'] })).rejects.toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', fix: expect.stringContaining('captions') }),
    )
    await expect(make([unlabelled])).rejects.toThrow(expect.objectContaining({ code: 'NO_SAMPLES', fix: expect.stringContaining('unlabelled (test)') }))
    await expect(make([])).rejects.toThrow(expect.objectContaining({ code: 'NO_SAMPLES' }))
  })
})
