import { memory, ones, tidy } from '@tensorflow/tfjs-core'
import { describeBackends } from '@unidiag/testing/backends'
import { describe, expect, it } from 'vitest'
import { Forward, inference } from '../nn/forward.js'
import { Random, threefry2x32 } from '../random.js'
import { dropout, keepMask } from './dropout.js'

const training = (seed = 1) => new Forward({ training: true, rng: (call) => new Random(seed).rng('dropout', call) })
const mask = (shape: number[], rate: number, forward: Forward) => tidy(() => [...keepMask(shape, rate, forward)!.dataSync()] as never) as unknown as number[]

/** The definition, one value at a time. */
function expected(count: number, rate: number, [key0, key1]: readonly [number, number]): number[] {
  return Array.from({ length: count }, (_, i) => {
    const words = new Int32Array(2)
    threefry2x32(key0, key1, Math.floor(i / 16) * 4 + (i % 4), 0, words)
    const word = words[i % 16 < 8 ? 0 : 1] >>> 0
    const half = i % 8 < 4 ? word % 65536 : Math.floor(word / 65536)
    return half / 65536 >= rate ? Math.fround(1 / (1 - rate)) : 0
  })
}

describeBackends('dropout', () => {
  it.each([1, 4, 15, 16, 17, 33, 1000, 2 ** 18 + 17])('draws %i values from the documented places of the sequence', (count) => {
    expect(mask([count], 0.25, training())).toEqual(expected(count, 0.25, new Random(1).rng('dropout', 0).key))
  })

  it('drops the given share and keeps the mean', () => {
    const values = mask([100, 1000], 0.1, training())
    const dropped = values.filter((x) => x === 0).length
    // five standard deviations
    expect(Math.abs(dropped - 10_000)).toBeLessThan(5 * Math.sqrt(100_000 * 0.1 * 0.9))
    expect(Math.max(...values.slice(0, 100))).toBeCloseTo(1 / 0.9, 6)
  })

  it('draws anew at every call, and the same for the same seed', () => {
    const forward = training()
    const first = mask([64], 0.5, forward)
    expect(mask([64], 0.5, forward)).not.toEqual(first)
    expect(mask([64], 0.5, training())).toEqual(first)
    expect(mask([64], 0.5, training(2))).not.toEqual(first)
  })

  it('is the identity at rate 0 and in inference, and draws nothing', () => {
    const before = memory().numTensors
    const x = ones([3])
    const forward = new Forward({ training: true })
    expect(dropout(x, 0, forward)).toBe(x)
    expect(dropout(x, 0.5, inference())).toBe(x)
    x.dispose()
    expect(memory().numTensors).toBe(before)
  })
})

describe('a training pass without random numbers', () => {
  it('says so', () => {
    expect(() => keepMask([2], 0.5, new Forward({ training: true }))).toThrow('random numbers')
  })
})
