import { describe, expect, it } from 'vitest'
import { PythonRandom } from './python-random.js'

// Expected values: CPython 3.11, `random.seed(s); random.getrandbits(32)` and `random.shuffle(list(range(n)))`.
describe('PythonRandom', () => {
  it.each([
    [42, [2746317213, 478163327, 107420369, 3184935163]],
    [-42, [2746317213, 478163327]],
    [0, [3626764237, 1654615998]],
    [2 ** 40 + 7, [2635837658, 3209733218]],
  ])('draws what Python draws with seed %d', (seed, expected) => {
    const random = new PythonRandom(seed)
    expect(expected.map(() => random.bits(32))).toEqual(expected)
  })

  const range = (n: number) => Array.from({ length: n }, (_, i) => i)

  it('shuffles as Python does', () => {
    expect(new PythonRandom(42).shuffle(range(10))).toEqual([7, 3, 2, 8, 5, 6, 9, 4, 0, 1])
    const many = new PythonRandom(42).shuffle(range(1000))
    expect(many.slice(0, 12)).toEqual([776, 507, 895, 922, 33, 483, 85, 750, 354, 523, 184, 809])
    expect(many.slice(-3)).toEqual([25, 114, 654])
    expect(many.sort((a, b) => a - b)).toEqual(range(1000))
  })

  it('goes on where the last shuffle ended', () => {
    const random = new PythonRandom(42)
    expect([random.shuffle(range(5)), random.shuffle(range(7))]).toEqual([
      [3, 1, 2, 4, 0],
      [4, 3, 2, 0, 5, 6, 1],
    ])
  })

  it('leaves nothing and one alone', () => {
    expect([new PythonRandom(42).shuffle([]), new PythonRandom(42).shuffle(['a'])]).toEqual([[], ['a']])
  })
})
