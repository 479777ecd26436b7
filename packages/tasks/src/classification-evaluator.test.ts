import { readFileSync } from 'node:fs'
import type { Dataset, Sample } from '@unidiag/core/contracts/dataset'
import { Random } from '@unidiag/core/random'
import { describe, expect, it } from 'vitest'
import { ClassList } from './class-list.js'
import { ClassificationEvaluator } from './classification-evaluator.js'

interface Case {
  readonly truth: number[]
  readonly logits: number[][]
  readonly confusion: number[][]
  readonly metrics: Record<string, number>
}

/** Made by class-metrics.reference.py with scikit-learn. */
const reference = JSON.parse(readFileSync(new URL('class-metrics.reference.json', import.meta.url), 'utf8')) as Record<string, Case>

const labels = ['a', 'b', 'c', 'd']
const sample = (label: string, i: number): Sample => ({ id: `${i}`, imageId: `${i}`, image: { file: '' }, text: 'x', fields: { kind: label } })
const list = new ClassList({ classes: labels, column: 'kind', source: 'toy: train', majority: 'b' })

function score(truth: readonly string[], logits: readonly (readonly number[])[]) {
  const samples = truth.map(sample)
  const dataset: Dataset = { name: 'toy', synthetic: true, splits: ['test'], samples: () => samples }
  const evaluator = new ClassificationEvaluator(list, new Random(0), 300)
  // In two parts, as batches come.
  for (const part of [[0, 5] as const, [5, truth.length] as const]) evaluator.add(Float32Array.from(logits.slice(...part).flat()), samples.slice(...part))
  return evaluator.score({ dataset, split: 'test', lost: 0 })
}

describe('ClassificationEvaluator', () => {
  it.each(Object.keys(reference))('gives the metrics of scikit-learn (%s)', (name) => {
    const { truth, logits, confusion, metrics } = reference[name]
    const found = score(
      truth.map((c) => labels[c]),
      logits,
    )
    for (const [metric, value] of Object.entries(metrics)) expect(found.metrics[metric].value, metric).toBeCloseTo(value, 12)
    expect(found.tables?.confusion.rows).toEqual(confusion.map((row, c) => [labels[c], ...row]))
  })

  it('has rates by class', () => {
    const { truth, logits } = reference.partial
    const { columns, rows } = score(
      truth.map((c) => labels[c]),
      logits,
    ).tables!.classes
    expect(columns).toEqual(['class', 'support', 'predicted', 'sensitivity', 'specificity', 'precision', 'f1', 'auc'])
    expect(rows[0].slice(0, 6)).toEqual(['a', 3, 9, 2 / 3, 2 / 9, 2 / 9])
    expect(rows[3]).toEqual(['d', 0, 0, 0, 1, 0, 0, ''])
  })

  it('counts a label that the head cannot give as never predicted', () => {
    const found = score(
      ['a', 'a', 'new', 'b', 'b', 'b'],
      [0, 0, 0, 1, 1, 1].map((c) => labels.map((_, i) => (i === c ? 1 : 0))),
    )
    expect(found.metrics.accuracy).toMatchObject({ value: 5 / 6, n: 6 })
    expect(found.metrics.sensitivity.value).toBeCloseTo(2 / 3)
    expect(found.tables?.confusion.columns).toEqual(['truth \\ prediction', ...labels, 'new'])
    expect(found.protocol.details).toMatchObject({ classes: 4, classesWithAuc: 2, outsideShare: 1 / 6, majorityAccuracy: 1 / 2 })
  })

  it('has no AUC where there is one class, and counts what has no label', () => {
    const found = score(['a', 'a', '', 'a', 'a', 'a'], Array(6).fill([1, 0, 0, 0]))
    expect(found.metrics).not.toHaveProperty('auc')
    expect(found.metrics.accuracy).toEqual({ value: 1, interval: [1, 1], n: 5 })
    expect(found.protocol.details.withoutLabel).toBe(1)
    expect(() => score(['', ''], [])).toThrow(expect.objectContaining({ code: 'NO_SAMPLES' }))
  })

  it('has intervals that hold the value and shrink with the level of noise', () => {
    const { truth, logits } = reference.full
    for (const [name, { value, interval }] of Object.entries(
      score(
        truth.map((c) => labels[c]),
        logits,
      ).metrics,
    )) {
      expect(interval[0], name).toBeLessThan(value)
      expect(interval[1], name).toBeGreaterThan(value)
    }
  })
})

describe('ClassList', () => {
  const dataset: Dataset = {
    name: 'toy',
    synthetic: true,
    splits: ['train', 'val'],
    samples: (split) => (split === 'train' ? ['b', 'B', 'a', 'b', ''] : ['c']).map(sample),
  }

  it('numbers sorted labels of the named splits', () => {
    const train = ClassList.collect(dataset, 'kind', ['train'])
    expect(train.state).toEqual({ classes: ['B', 'a', 'b'], column: 'kind', source: 'toy: train', majority: 'b' })
    expect(['a', 'c', ''].map((label) => train.index(sample(label, 0)))).toEqual([1, -1, -1])
    expect(ClassList.collect(dataset, 'kind', ['train', 'val']).state.classes).toEqual(['B', 'a', 'b', 'c'])
  })

  it('names the fields when there is none like that', () => {
    expect(() => ClassList.collect(dataset, 'toString', ['train'])).toThrow(
      expect.objectContaining({ code: 'NO_SAMPLES', message: expect.stringContaining('kind') }),
    )
  })
})
