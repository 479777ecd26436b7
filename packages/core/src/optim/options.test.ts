import { describe, expect, it } from 'vitest'
import { optimizerOptions } from './options.js'

describe('optimizerOptions', () => {
  it('has the defaults of the reference pre-training', () => {
    expect(optimizerOptions.parse({})).toEqual({
      learningRate: 1e-5,
      weightDecay: 0.01,
      betas: [0.9, 0.98],
      eps: 1e-8,
      multiplier: { multiModal: 5, heads: 5 },
      schedule: 'linear',
      warmup: 0.1,
      endFactor: 0,
      accumulate: 1,
    })
    expect(optimizerOptions.parse({ multiplier: { heads: 50 } }).multiplier).toEqual({ multiModal: 5, heads: 50 })
  })

  it.each([[{ learningRate: 0 }], [{ betas: [1, 0.9] }], [{ accumulate: 0.5 }], [{ warmup: 2 }], [{ momentum: 0.9 }]])('refuses %o', (options) => {
    expect(optimizerOptions.safeParse(options).success).toBe(false)
  })
})
