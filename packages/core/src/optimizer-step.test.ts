import { useBackend } from '@unidiag/testing/backends'
import { lastValueFrom, toArray } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { toyLoss, toyStage } from '../test/toy.js'
import type { StepEvent } from './events.js'
import type { Step } from './step.js'
import { train } from './train.js'

useBackend()

async function stepsOf(toy: ReturnType<typeof toyStage>): Promise<StepEvent[]> {
  const all = await lastValueFrom(train(toy.context, toy.options).pipe(toArray()))
  return all.filter((event): event is StepEvent => event.type === 'step')
}

describe('an optimiser step', () => {
  it('walks terms apart back on their own, with the same losses and weights', async () => {
    const plain = { transforms: [], n: 8, epochs: 3, dropout: 0 }
    const together = toyStage(plain)
    const term = (name: string) => (step: Step) => {
      const { parts } = toyLoss(step)
      return { total: parts[name], parts: { [name]: parts[name] } }
    }
    const apart = toyStage({ ...plain, forward: term('match'), apart: [term('one')] })
    const [a, b] = [await stepsOf(together), await stepsOf(apart)]
    for (const [i, event] of a.entries()) for (const name of ['total', 'match', 'one']) expect(b[i].losses[name], name).toBeCloseTo(event.losses[name], 5)
    const expected = together.parameters.export()
    for (const [name, { data }] of apart.parameters.export())
      for (const [i, value] of data.entries()) expect(value, name).toBeCloseTo(expected.get(name)!.data[i], 5)
    for (const toy of [together, apart]) toy.dispose()
  })
})
