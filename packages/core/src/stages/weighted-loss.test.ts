import { memory, scalar, tidy } from '@tensorflow/tfjs-core'
import { useBackend } from '@unidiag/testing/backends'
import { describe, expect, it } from 'vitest'
import type { Objective } from '../contracts/objective.js'
import type { Step } from '../step.js'
import { weightedLoss, weightedObjectives } from './weighted-loss.js'

const objective = (name: string, loss = 1): Objective => ({ name, loss: () => scalar(loss) })
const five = ['mim', 'mlm', 'feaMim', 'feaMlm', 'itm'].map((name, i) => objective(name, 10 ** i))
const names = five.map(({ name }) => name)

describe('weightedObjectives', () => {
  const weights = (o: Partial<Parameters<typeof weightedObjectives>[2]>) =>
    weightedObjectives('stage', [...five, objective('mine')], { objectives: names, alpha: 0.5, weights: {}, ...o }).map(({ weight }) => weight)

  it('weighs by Eq. 7', () => {
    expect(weights({})).toEqual([0.5, 0.5, 0.5, 0.5, 1])
    expect(weights({ alpha: 0.25 })).toEqual([0.75, 0.75, 0.25, 0.25, 1])
  })

  it('takes weights by name, and 1 for objectives that the equation does not know', () => {
    expect(weights({ weights: { feaMim: 1e-5, mlm: 1 } })).toEqual([0.5, 1, 1e-5, 0.5, 1])
    expect(weights({ objectives: ['mine', 'mim'] })).toEqual([1, 0.5])
  })

  it('says which objective is missing, and which weight has none', () => {
    expect(() => weights({ objectives: ['other'] })).toThrow(expect.objectContaining({ code: 'PLUGIN_MISSING' }))
    expect(() => weights({ weights: { fea: 1 } })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })
})

describe('weightedLoss', () => {
  useBackend()

  it('sums weighted losses and shows unweighted parts', () => {
    const before = memory().numTensors
    const [total, parts] = tidy(() => {
      const loss = weightedLoss(weightedObjectives('stage', five, { objectives: names, alpha: 0.5, weights: {} }), {} as Step)
      return [loss.total.dataSync()[0], Object.fromEntries(Object.entries(loss.parts).map(([name, part]) => [name, part.dataSync()[0]]))] as never
    }) as unknown as [number, Record<string, number>]
    expect(total).toBeCloseTo(0.5 * (1 + 10 + 100 + 1000) + 10000, 2)
    expect(parts).toEqual({ mim: 1, mlm: 10, feaMim: 100, feaMlm: 1000, itm: 10000 })
    expect(memory().numTensors).toBe(before)
  })
})
