import { mean, type Scalar, square } from '@tensorflow/tfjs-core'
import { compose } from '@unidiag/core/compose'
import { Objective } from '@unidiag/core/contracts/objective'
import type { StepEvent } from '@unidiag/core/events'
import { definePlugin } from '@unidiag/core/plugin'
import { useBackend } from '@unidiag/testing/backends'
import { tinyDataset } from '@unidiag/testing/tiny-data'
import { tinyPlugins } from '@unidiag/testing/tiny-plugins'
import { filter, lastValueFrom, toArray } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { tdCalib } from './td-calib.js'

/** A loss that wants the features of whole pairs to be small. */
const small = definePlugin({
  name: '@unidiag/tuning/test-small',
  provides: Objective,
  options: z.strictObject({}),
  setup: (): Objective => ({ name: 'small', loss: (step) => mean(square(step.student({ image: 'full', text: 'full' }).text)) as Scalar }),
})

const method = (options: Parameters<typeof tdCalib>[0]) =>
  compose({ plugins: [...tinyPlugins({ dataset: tinyDataset({ train: 8, test: 4 }) }), small(), tdCalib({ objectives: ['small'], ...options })] })

describe('tdCalib', () => {
  useBackend()

  it('trains on the training split', async () => {
    const pipeline = await method({ steps: 30, batchSize: 4, optimizer: { learningRate: 1e-2 } })
    const events = await lastValueFrom(pipeline.run().pipe(toArray()))
    expect(events.find((event) => event.type === 'stage-start')).toMatchObject({ stage: 'td-calib', samples: 8 })
    const losses = events.filter((event): event is StepEvent => event.type === 'step').map(({ losses }) => losses.total)
    expect(losses).toHaveLength(30)
    expect(losses.at(-1)!).toBeLessThan(losses[0])
    await pipeline.close()
  })

  it('refuses to see test pairs, unless asked for', async () => {
    await expect(method({ split: 'test' })).rejects.toMatchObject({ code: 'SPLIT_FORBIDDEN' })
    const pipeline = await method({ split: 'test', allowSplit: true, steps: 1, batchSize: 4 })
    const start = await lastValueFrom(pipeline.run().pipe(filter((event) => event.type === 'stage-start')))
    expect(start).toMatchObject({ samples: 4 })
    await pipeline.close()
  })

  it('feaWeight weighs the feature losses against 1, as in the released code', async () => {
    const feature = definePlugin({
      name: '@unidiag/tuning/test-feature',
      provides: Objective,
      options: z.strictObject({}),
      setup: (): Objective => ({ name: 'feaMim', loss: (step) => mean(square(step.student({ image: 'full', text: 'full' }).image)) as Scalar }),
    })
    const total = async (options: Parameters<typeof tdCalib>[0]) => {
      const pipeline = await compose({ plugins: [...tinyPlugins(), feature(), tdCalib({ objectives: ['feaMim'], steps: 1, batchSize: 4, ...options })] })
      const events = await lastValueFrom(pipeline.run().pipe(toArray()))
      await pipeline.close()
      const { losses } = events.find((event): event is StepEvent => event.type === 'step')!
      return losses.total / losses.feaMim
    }
    expect(await total({})).toBeCloseTo(0.5, 5)
    expect(await total({ feaWeight: 0.125 })).toBeCloseTo(0.125, 5)
    expect(await total({ feaWeight: 0.125, weights: { feaMim: 2 } })).toBeCloseTo(2, 5)
  })

  it('has the four objectives of Eq. 8 by default, without matching', () => {
    expect(tdCalib.definition.options.parse({})).toMatchObject({
      objectives: ['mim', 'mlm', 'feaMim', 'feaMlm'],
      split: 'train',
      optimizer: { learningRate: 1e-5, weightDecay: 0.01, schedule: 'linear', warmup: 0.1 },
    })
  })
})
