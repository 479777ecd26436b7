import type { Sample } from '@unidiag/core/contracts/dataset'
import { expect, it } from 'vitest'
import { splitHash } from './split-hash.js'

const sample = (id: string): Sample => ({ id, imageId: id, image: { file: id }, text: id })

it('depends on which questions there are, not on their order', () => {
  expect(splitHash([sample('b'), sample('a')])).toBe(splitHash([sample('a'), sample('b')]))
  expect(splitHash([sample('a')])).not.toBe(splitHash([sample('b')]))
  // sha256 of "a\nb"
  expect(splitHash([sample('a'), sample('b')])).toBe('7e18f737311b2dc3b2f269dd78396b0351f14fb66efa879f768cb23181883c78')
})
