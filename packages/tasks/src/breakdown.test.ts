import type { Sample } from '@unidiag/core/contracts/dataset'
import { expect, it } from 'vitest'
import { breakdown } from './breakdown.js'

const sample = (fields?: Record<string, string>): Sample => ({ id: 'x', imageId: 'x', image: { file: 'x' }, text: '?', ...(fields && { fields }) })

it('has the accuracy of every value of every field, the most frequent value first', () => {
  const samples = [
    sample({ organ: 'head', modality: 'CT', questionType: 'size' }),
    sample({ organ: 'chest', modality: 'CT', questionType: 'plane' }),
    sample({ organ: 'chest', modality: 'MRI' }),
    sample(),
  ]
  const asked: [readonly number[], string][] = []
  const table = breakdown(samples, [1, 0, 1, 1], (credits, name) => {
    asked.push([credits, name])
    return [0.25, 0.75]
  })
  expect(table).toEqual({
    columns: ['field', 'value', 'n', 'accuracy', 'low', 'high'],
    rows: [
      ['organ', 'chest', 2, 0.5, 0.25, 0.75],
      ['organ', 'head', 1, 1, 0.25, 0.75],
      ['modality', 'CT', 2, 0.5, 0.25, 0.75],
      ['modality', 'MRI', 1, 1, 0.25, 0.75],
      ['questionType', 'size', 1, 1, 0.25, 0.75],
      ['questionType', 'plane', 1, 0, 0.25, 0.75],
    ],
  })
  expect(asked[0]).toEqual([[0, 1], 'organ/chest'])
})

it('leaves out fields that are no categories, and is nothing without fields', () => {
  const many = Array.from({ length: 41 }, (_, i) => sample({ url: `page ${i}`, organ: 'head' }))
  const credits = many.map(() => 1)
  expect(breakdown(many, credits, () => [1, 1])?.rows).toEqual([['organ', 'head', 41, 1, 1, 1]])
  expect(breakdown([sample(), sample({})], [1, 0], () => [0, 1])).toBeUndefined()
})
