import { describe, expect, it } from 'vitest'
import { suggest } from './suggest.js'

describe('suggest', () => {
  it.each([
    ['learningrate', 'learningRate'],
    ['lerning_rate', 'learningRate'],
    ['batchsze', 'batchSize'],
    ['bacthSize', 'batchSize'],
    ['wasn', 'wasm'],
  ])('takes %s for %s', (word, meant) => {
    expect(suggest(word, ['epochs', 'learningRate', 'batchSize', 'wasm'])).toBe(meant)
  })

  it('stays silent when nothing is near', () => {
    expect(suggest('colour', ['epochs', 'learningRate'])).toBeUndefined()
    expect(suggest('x', [])).toBeUndefined()
  })
})
