import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Dataset, Sample } from '@unidiag/core/contracts/dataset'
import { describeShared } from '@unidiag/testing/shared'
import { describe, expect, it } from 'vitest'
import { AnswerVocabulary } from './answer-vocabulary.js'

const question = (id: string, answers: string[], answerType?: 'open' | 'closed'): Sample => ({
  id,
  imageId: id,
  image: { file: `${id}.jpg` },
  text: 'what is it?',
  answers,
  ...(answerType && { answerType }),
})
const dataset = (splits: Record<string, Sample[]>): Dataset => ({
  name: 'toy',
  synthetic: false,
  splits: Object.keys(splits),
  samples: (split) => splits[split],
})
const toy = dataset({
  train: [
    question('1', ['Yes'], 'closed'),
    question('2', ['right Lung'], 'open'),
    question('3', ['yes.'], 'closed'),
    question('4', [' ']),
    question('5', ['two', 'both'], 'open'),
  ],
  test: [question('6', ['no'], 'closed'), question('7', ['Pneumothorax'], 'open'), question('8', ['unseen', 'both'], 'open')],
})

describe('AnswerVocabulary', () => {
  it('numbers answers by first appearance in the splits that are named', () => {
    expect(AnswerVocabulary.collect(toy, ['train']).state.answers).toEqual(['yes', 'right lung', '2', 'both'])
    expect(AnswerVocabulary.collect(toy, ['test', 'train']).state.answers).toEqual(['no', 'pneumothorax', 'unseen', 'both', 'yes', 'right lung', '2'])
  })

  it('gives every accepted answer a label, and none to a question that cannot be answered', () => {
    const vocabulary = AnswerVocabulary.collect(toy, ['train'])
    expect(toy.samples('train').map((sample) => vocabulary.labels(sample))).toEqual([[0], [1], [0], [], [2, 3]])
    expect(toy.samples('test').map((sample) => vocabulary.labels(sample))).toEqual([[], [], [3]])
  })

  it('says what it was made of', () => {
    expect(AnswerVocabulary.collect(toy, ['train']).state).toMatchObject({
      source: 'toy: train',
      majority: { overall: 'yes', closed: 'yes', open: 'right lung' },
      outside: { train: 0, test: 2 },
    })
  })

  it('refuses a data set without answers', () => {
    expect(() => AnswerVocabulary.collect(dataset({ train: [question('1', [])] }), ['train'])).toThrow(expect.objectContaining({ code: 'NO_SAMPLES' }))
  })
})

describeShared('AnswerVocabulary on VQA-RAD', (shared) => {
  it('has the 498 answers of the reference when the test answers are in it ', () => {
    const rows = (file: string): Sample[] =>
      JSON.parse(readFileSync(join(shared, 'data/vqa-rad/data_RAD', file), 'utf8')).map((row: { qid: number; answer: unknown }) =>
        question(String(row.qid), [String(row.answer)]),
      )
    const rad = dataset({ train: rows('trainset.json'), test: rows('testset.json') })
    expect(AnswerVocabulary.collect(rad, ['train', 'test']).size).toBe(498)
    const honest = AnswerVocabulary.collect(rad, ['train'])
    expect(honest.size).toBe(461)
    expect(honest.state.outside).toMatchObject({ train: 0, test: expect.any(Number) })
    expect(honest.state.outside.test).toBeGreaterThan(0)
  })
})
