import type { Dataset } from '@unidiag/core/contracts/dataset'
import type { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { describe, expect, it } from 'vitest'
import { trainedBpe } from './trained-bpe.js'

const { definition } = trainedBpe

const dataset = (name: string, splits: Record<string, string[]>): Dataset => ({
  name,
  synthetic: true,
  splits: Object.keys(splits),
  samples: (split) => splits[split].map((text, i) => ({ id: `${split}${i}`, imageId: `${i}`, image: { file: '' }, text, answers: ['pneumothorax'] })),
})
const captions = dataset('captions', { train: ['small nodule', 'large nodule'], test: ['effusion effusion effusion'] })
const questions = dataset('questions', { train: ['where is it?', 'where is the nodule?'], test: ['is it?'] })
const unlabelled = dataset('unlabelled', { test: ['effusion'] })

const make = (datasets: readonly Dataset[], options: object = {}) =>
  definition.setup({ needs: { datasets }, options: definition.options.parse({ vocabSize: 600, ...options }) }) as Tokenizer
const tokens = ({ json }: Tokenizer) => Object.keys((JSON.parse(json as string) as { model: { vocab: Record<string, number> } }).model.vocab)

describe('trained-bpe', () => {
  it('learns from the training texts of every data set, and from nothing else', () => {
    const learned = tokens(make([captions, questions, unlabelled]))
    expect(learned).toContain('Ġnodule')
    expect(learned).toContain('where')
    expect(learned.join()).not.toMatch(/eff|pneu/)
  })

  it('learns from the data sets and the split it is told', () => {
    expect(tokens(make([captions, questions], { datasets: ['questions'] }))).not.toContain('Ġnodule')
    expect(tokens(make([captions, questions], { split: 'test' }))).toContain('Ġeffusion')
  })

  it('gives the same tokenizer for the same texts', () => {
    expect(make([captions, questions]).fingerprint).toBe(make([questions, captions]).fingerprint)
    expect(make([captions]).fingerprint).not.toBe(make([questions]).fingerprint)
  })

  it('refuses a vocabulary that cannot hold the bytes', () => {
    expect(definition.options.safeParse({ vocabSize: 260 }).success).toBe(false)
    expect(definition.options.safeParse({ vocabSize: 261 }).success).toBe(true)
  })

  it('says which data sets there are when it is given none it can use', () => {
    expect(() => make([captions], { datasets: ['caption'] })).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', fix: expect.stringContaining('captions') }),
    )
    expect(() => make([unlabelled])).toThrow(expect.objectContaining({ code: 'NO_SAMPLES', fix: expect.stringContaining('unlabelled (test)') }))
    expect(() => make([])).toThrow(expect.objectContaining({ code: 'NO_SAMPLES' }))
  })
})
