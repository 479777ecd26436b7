import { describe, expect, it } from 'vitest'
import { Comparison } from './comparison.js'

const tolerance = { relative: 1e-3, floor: 0.1 }
const compare = (fill: (comparison: Comparison) => void) => {
  const comparison = new Comparison('group', tolerance)
  fill(comparison)
  return comparison.result()
}

describe('Comparison', () => {
  it('measures against the largest value of the tensor, or the floor', () => {
    expect(compare((c) => c.tensor('a', [1, 2, 10.005], [1, 2, 10]))).toMatchObject({
      passed: true,
      tensors: 1,
      worst: { tensor: 'a', error: expect.closeTo(5e-4, 8) },
    })
    expect(compare((c) => c.tensor('a', [1e-3], [0]))).toMatchObject({ passed: false, worst: { error: expect.closeTo(0.01, 8) } })
    expect(compare((c) => c.number('a', 5e-5, 0))).toMatchObject({ passed: true })
  })

  it('reports the worst tensor', () => {
    const { worst } = compare((c) => {
      c.number('a', 1, 1)
      c.number('b', 1.1, 1)
      c.number('c', 1.01, 1)
    })
    expect(worst).toMatchObject({ tensor: 'b' })
  })

  it('fails what is missing, of another size, or not a number', () => {
    expect(compare((c) => c.tensor('a', undefined, [1]))).toMatchObject({ passed: false, missing: ['a'] })
    expect(compare((c) => c.tensor('a', [1, 2], [1]))).toMatchObject({ passed: false, missing: ['a'] })
    expect(compare((c) => c.tensor('a', [Number.NaN], [1]))).toMatchObject({ passed: false })
    expect(compare(() => {})).toMatchObject({ passed: false, tensors: 0 })
  })

  it('compares names as sets', () => {
    expect(compare((c) => c.names('names', ['a', 'b'], ['b', 'a']))).toMatchObject({ passed: true })
    expect(compare((c) => c.names('names', ['a'], ['a', 'b']))).toMatchObject({ passed: false, worst: { tensor: 'names: b' } })
  })
})
