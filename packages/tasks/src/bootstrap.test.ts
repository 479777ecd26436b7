import { Random } from '@unidiag/core/random'
import { describe, expect, it } from 'vitest'
import { bootstrapInterval } from './bootstrap.js'

const rng = (stream: string) => new Random(1).rng(stream)

describe('bootstrapInterval', () => {
  it('comes close to the normal interval of a share', () => {
    const values = Array.from({ length: 400 }, (_, i) => (i % 4 === 0 ? 1 : 0))
    const [low, high] = bootstrapInterval(values, rng('share'))
    const half = 1.96 * Math.sqrt((0.25 * 0.75) / 400)
    expect(low).toBeCloseTo(0.25 - half, 2)
    expect(high).toBeCloseTo(0.25 + half, 2)
  })

  it('is a point when all values are equal', () => {
    expect(bootstrapInterval([1, 1, 1], rng('equal'))).toEqual([1, 1])
  })

  it('depends on the stream only', () => {
    const values = [0, 1, 1, 0, 1, 0, 1]
    expect(bootstrapInterval(values, rng('a'))).toEqual(bootstrapInterval(values, rng('a')))
    expect(bootstrapInterval(values, rng('a'), { level: 0.5 })).not.toEqual(bootstrapInterval(values, rng('a')))
  })
})
