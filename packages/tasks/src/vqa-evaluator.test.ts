import type { Dataset, Sample } from '@unidiag/core/contracts/dataset'
import { Random } from '@unidiag/core/random'
import { describe, expect, it } from 'vitest'
import { AnswerVocabulary } from './answer-vocabulary.js'
import { VqaEvaluator } from './vqa-evaluator.js'

const question = (id: string, answers: string[], answerType?: 'open' | 'closed'): Sample => ({
  id,
  imageId: id,
  image: { file: `${id}.jpg` },
  text: 'what is it?',
  answers,
  ...(answerType && { answerType, fields: { organ: answerType === 'open' ? 'chest' : 'head' } }),
})
const test = [
  question('1', ['Yes'], 'closed'),
  question('2', ['no'], 'closed'),
  question('3', ['CT', 'ct scan'], 'open'),
  question('4', ['never seen'], 'open'),
  question('5', []),
]
const dataset: Dataset = { name: 'toy', synthetic: true, splits: ['test'], samples: () => test }
const vocabulary = new AnswerVocabulary({
  answers: ['yes', 'no', 'ct scan'],
  source: 'toy: train',
  majority: { overall: 'no', closed: 'no', open: 'mri' },
  outside: { test: 1 },
})
/** Logits that choose these outputs. */
const choose = (...outputs: number[]) => Float32Array.from(outputs.flatMap((output) => [0, 1, 2].map((i) => (i === output ? 3 : -i))))

describe('VqaEvaluator', () => {
  const evaluator = new VqaEvaluator(vocabulary, new Random(0), 200)
  evaluator.add(choose(0, 0, 2), test.slice(0, 3))
  evaluator.add(choose(1, 1), test.slice(3))
  const score = evaluator.score({ dataset, split: 'test', lost: 2 })

  it('credits any accepted answer, and none to a question that cannot be answered', () => {
    expect(score.primary).toBe('overall')
    expect(score.metrics.overall).toMatchObject({ value: 2 / 4, n: 4 })
    expect(score.metrics.closed).toMatchObject({ value: 1 / 2, n: 2 })
    expect(score.metrics.open).toMatchObject({ value: 1 / 2, n: 2 })
    expect(score.metrics.overall.interval).toEqual([0, 1])
  })

  it('breaks accuracy down by field, and says what each question was worth', () => {
    expect(score.tables?.byField.columns).toEqual(['field', 'value', 'n', 'accuracy', 'low', 'high'])
    expect(score.tables?.byField.rows.map((row) => row.slice(0, 4))).toEqual([
      ['organ', 'head', 2, 0.5],
      ['organ', 'chest', 2, 0.5],
    ])
    expect(score.credits).toEqual({ metric: 'overall', bySample: { 1: 1, 2: 0, 3: 1, 4: 0 } })
  })

  it('is measured against how sure it is', () => {
    // The probabilities of the four answers given lie in the last of 15 bins, and half of the answers are right.
    const sure = (chosen: number): number => Math.exp(3) / (Math.exp(3) + [0, 1, 2].filter((i) => i !== chosen).reduce((sum, i) => sum + Math.exp(-i), 0))
    const confidences = [0, 0, 2, 1].map(sure)
    expect(Math.min(...confidences)).toBeGreaterThan(14 / 15)
    expect(score.metrics.ece.value).toBeCloseTo(confidences.reduce((a, b) => a + b) / 4 - 0.5, 6)
  })

  it('says how it was measured', () => {
    expect(score.protocol).toEqual({
      task: 'vqa',
      dataset: 'toy',
      synthetic: true,
      split: 'test',
      splitHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      samples: 4,
      lost: 2,
      details: {
        vocabularySize: 3,
        vocabularySource: 'toy: train',
        unproducibleShare: 0.25,
        questionsOutsideVocabulary: 'test 1',
        calibration: 'ece over 15 bins of the softmax of the logits',
        interval: '95 % percentile bootstrap over questions, 200 resamples',
        overallMajorityAnswer: 'no',
        overallMajorityAccuracy: 0.25,
        closedMajorityAnswer: 'no',
        closedMajorityAccuracy: 0.5,
        openMajorityAnswer: 'mri',
        openMajorityAccuracy: 0,
        withoutAnswer: 1,
      },
    })
  })

  it('has no accuracy of a kind of question that is not there', () => {
    const open = new VqaEvaluator(vocabulary, new Random(0), 10)
    open.add(choose(2), [question('3', ['ct scan'], 'open')])
    expect(Object.keys(open.score({ dataset, split: 'test', lost: 0 }).metrics)).toEqual(['overall', 'open', 'ece'])
  })

  it('refuses to score nothing', () => {
    const empty = new VqaEvaluator(vocabulary, new Random(0), 10)
    expect(() => empty.score({ dataset, split: 'test', lost: 5 })).toThrow(expect.objectContaining({ code: 'NO_SAMPLES' }))
  })
})
