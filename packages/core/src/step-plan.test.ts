import { describe, expect, it } from 'vitest'
import { stepPlan } from './step-plan.js'

describe('stepPlan', () => {
  it('cuts the accumulation window at the end of an epoch', () => {
    const plan = stepPlan({ batchesPerEpoch: 7, accumulate: 3, epochs: 2 })
    expect(plan).toMatchObject({ stepsPerEpoch: 3, steps: 6, epochs: 2 })
    const ends = Array.from({ length: 14 }, (_, i) => i).filter((i) => plan.endsWindow(i))
    expect(ends).toEqual([2, 5, 6, 9, 12, 13])
    expect([0, 1, 2, 3, 4, 5].map((step) => plan.firstBatch(step))).toEqual([0, 3, 6, 7, 10, 13])
    expect([1, 2, 3, 4, 5, 6].filter((step) => plan.endsEpoch(step))).toEqual([3, 6])
  })

  // Schedule totals of the reference's runs, 192 batches an epoch.
  it.each([
    [192, 2, 60, 5760],
    [192, 4, 60, 2880],
    [308, 2, 25, 3850],
  ])('%i batches, %i accumulated, %i epochs: %i steps', (batchesPerEpoch, accumulate, epochs, steps) => {
    expect(stepPlan({ batchesPerEpoch, accumulate, epochs }).steps).toBe(steps)
  })

  it('ends after epochs or steps, whichever comes first', () => {
    const of = (o: { epochs?: number; steps?: number }) => stepPlan({ batchesPerEpoch: 10, accumulate: 1, ...o })
    expect(of({})).toMatchObject({ steps: 10, epochs: 1 })
    expect(of({ steps: 25 })).toMatchObject({ steps: 25, epochs: 3 })
    expect(of({ steps: 25, epochs: 2 })).toMatchObject({ steps: 20, epochs: 2 })
    expect(of({ steps: 5, epochs: 2 })).toMatchObject({ steps: 5, epochs: 1 })
  })

  it('has no steps without batches', () => {
    expect(stepPlan({ batchesPerEpoch: 0, accumulate: 2, steps: 5 })).toMatchObject({ steps: 0, epochs: 0 })
  })
})
