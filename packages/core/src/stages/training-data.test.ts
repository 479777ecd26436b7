import { describe, expect, it } from 'vitest'
import type { Dataset, Sample } from '../contracts/dataset.js'
import { chooseDataset, trainingSamples } from './training-data.js'

const sample = { id: 'a', imageId: 'a', image: { file: 'a.png' }, text: 'a' } satisfies Sample
const dataset = (name: string): Dataset => ({ name, synthetic: true, splits: ['train', 'test'], samples: (split) => (split === 'train' ? [sample] : []) })

describe('chooseDataset', () => {
  const two = [dataset('captions'), dataset('questions')]

  it('takes the named one, or the only one', () => {
    expect(chooseDataset('stage', two, 'questions')).toBe(two[1])
    expect(chooseDataset('stage', [two[0]], undefined)).toBe(two[0])
  })

  it('lists what there is when it cannot choose', () => {
    for (const name of [undefined, 'other'])
      expect(() => chooseDataset('stage', two, name)).toThrow(
        expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining('captions, questions') }),
      )
  })
})

describe('trainingSamples', () => {
  it('refuses any split but train, unless told otherwise', () => {
    expect(trainingSamples('stage', dataset('d'), { split: 'train', allowSplit: false })).toEqual([sample])
    expect(() => trainingSamples('stage', dataset('d'), { split: 'test', allowSplit: false })).toThrow(
      expect.objectContaining({ code: 'SPLIT_FORBIDDEN', fix: expect.stringContaining('stage.allowSplit') }),
    )
    expect(trainingSamples('stage', dataset('d'), { split: 'test', allowSplit: true })).toEqual([])
  })
})
