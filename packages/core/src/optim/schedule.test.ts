import { describe, expect, it } from 'vitest'
import { schedule } from './schedule.js'

describe('schedule', () => {
  // Worked out by hand: warm-up 10 000 of 100 000 steps.
  const linear = schedule({ kind: 'linear', warmup: 0.1, steps: 100_000 })
  const cosine = schedule({ kind: 'cosine', warmup: 0.1, steps: 100_000 })

  it.each([
    [0, 0],
    [1, 1e-4],
    [5000, 0.5],
    [10_000, 1],
    [55_000, 0.5],
    [100_000, 0],
    [100_001, 0],
  ])('is the same for both kinds at step %i', (step, factor) => {
    expect(linear(step)).toBeCloseTo(factor, 12)
    expect(cosine(step)).toBeCloseTo(factor, 12)
  })

  it('ends slowly', () => {
    expect(linear(99_999)).toBeCloseTo(1.1111e-5, 9)
    expect(cosine(99_999)).toBeCloseTo(3.05e-10, 12)
  })

  it.each([
    [5760, 576],
    [2880, 288],
    [3850, 385],
    [6000, 600],
    [8160, 816],
  ])('of %i steps rises for %i', (steps, rising) => {
    const factor = schedule({ kind: 'linear', warmup: 0.1, steps })
    expect(factor(rising - 1)).toBeLessThan(1)
    expect(factor(rising)).toBe(1)
    expect(factor(rising + 1)).toBeLessThan(1)
  })

  it('stays up when constant', () => {
    const factor = schedule({ kind: 'constant', warmup: 0.5, steps: 10 })
    expect([0, 4, 5, 9, 20].map(factor)).toEqual([0, 0.8, 1, 1, 1])
  })

  it('starts at the peak without a warm-up, and ends where it is told', () => {
    const factor = schedule({ kind: 'linear', warmup: 0, steps: 4, endFactor: 0.2 })
    expect([0, 2, 4].map((step) => +factor(step).toFixed(12))).toEqual([1, 0.6, 0.2])
  })
})
