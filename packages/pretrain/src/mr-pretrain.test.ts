import { compose } from '@unidiag/core/compose'
import { Dataset } from '@unidiag/core/contracts/dataset'
import { Masker } from '@unidiag/core/contracts/objective'
import { Teacher } from '@unidiag/core/contracts/teacher'
import type { RunEvent, StepEvent } from '@unidiag/core/events'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import { type AnyPlugin, definePlugin } from '@unidiag/core/plugin'
import { useBackend } from '@unidiag/testing/backends'
import { tinyDataset } from '@unidiag/testing/tiny-data'
import { tinyPlugins } from '@unidiag/testing/tiny-plugins'
import { lastValueFrom, toArray } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { emaTeacher } from './ema-teacher.js'
import { feaMim } from './fea-mim.js'
import { feaMlm } from './fea-mlm.js'
import { itm } from './itm.js'
import { mim } from './mim.js'
import { mimDecoder } from './mim-decoder.js'
import { mlm } from './mlm.js'
import { mrPretrain } from './mr-pretrain.js'
import { randomPatch } from './random-patch.js'
import { textMask } from './text-mask.js'

const method = (options: Parameters<typeof mrPretrain>[0], seed = 1, { dropout = 0.1, plugins = [] }: { dropout?: number; plugins?: AnyPlugin[] } = {}) =>
  compose({
    seed,
    plugins: [
      ...tinyPlugins({ dropout }),
      ...plugins,
      randomPatch(),
      textMask({ mode: 'token' }),
      mimDecoder({ width: 8, layers: 1, heads: 2 }),
      mim(),
      mlm(),
      feaMim({ feaDim: 4 }),
      feaMlm({ feaDim: 4 }),
      itm(),
      emaTeacher(),
      mrPretrain(options),
    ],
  })

async function run(options: Parameters<typeof mrPretrain>[0], seed?: number) {
  const pipeline = await method(options, seed)
  const events: RunEvent[] = await lastValueFrom(pipeline.run().pipe(toArray()))
  const steps = events.filter((event): event is StepEvent => event.type === 'step')
  return { pipeline, events, steps }
}

describe('mrPretrain', () => {
  useBackend()

  it('computes the same with texts padded to the longest of the batch as with full padding', async () => {
    const readsPadding = definePlugin({
      name: 'reads-padding',
      provides: Masker,
      options: z.strictObject({}),
      setup: (): Masker => ({ name: 'reads-padding', modality: 'text', readsPadding: true }),
    })
    const losses = await Promise.all(
      [[], [readsPadding()]].map(async (plugins) => {
        const pipeline = await method({ steps: 5, batchSize: 2, optimizer: { learningRate: 2e-3 } }, 1, { dropout: 0, plugins })
        const events: RunEvent[] = await lastValueFrom(pipeline.run().pipe(toArray()))
        await pipeline.close()
        return events.flatMap((event) => (event.type === 'step' ? Object.values(event.losses) : []))
      }),
    )
    expect(losses[0]).toHaveLength(5 * 6)
    for (const [i, loss] of losses[0].entries()) expect(loss).toBeCloseTo(losses[1][i], 4)
  })

  it('sums five losses by Eq. 7, and lowers them', async () => {
    const { pipeline, steps } = await run({ steps: 60, batchSize: 4, optimizer: { learningRate: 2e-3, accumulate: 2 } })
    expect(steps).toHaveLength(60)
    for (const { losses } of steps) {
      const { total, mim, mlm, feaMim, feaMlm, itm } = losses
      expect(total).toBeCloseTo(0.5 * (mim + mlm + feaMim + feaMlm) + itm, 4)
    }
    const mean = (part: readonly StepEvent[]) => part.reduce((sum, { losses }) => sum + losses.total, 0) / part.length
    expect(mean(steps.slice(-10))).toBeLessThan(mean(steps.slice(0, 10)) - 0.2)
    // The teacher follows slowly: it is near the student and not the student.
    const name = 'vision_encoder.class'
    const teacher = pipeline.get(Teacher).values.get(name)!.dataSync()
    const student = pipeline.get(ParameterStore).get(name).value.dataSync()
    expect([...teacher]).not.toEqual([...student])
    await pipeline.close()
  })

  it('holds as many tensors after 200 steps as after the first', async () => {
    const { pipeline, steps } = await run({ steps: 200, batchSize: 4, objectives: ['mim', 'mlm', 'feaMim', 'feaMlm', 'itm'] })
    expect(new Set(steps.map(({ tensors }) => tensors)).size).toBe(1)
    await pipeline.close()
  })

  it('is the same run for the same seed', async () => {
    const losses = async (seed: number) => {
      const { pipeline, steps } = await run({ steps: 5, batchSize: 4 }, seed)
      await pipeline.close()
      return steps.map(({ losses }) => losses)
    }
    expect(await losses(1)).toEqual(await losses(1))
    expect(await losses(1)).not.toEqual(await losses(2))
  })

  it('trains on several data sets together', async () => {
    const more = definePlugin({ name: 'more', provides: Dataset, options: z.strictObject({}), setup: () => tinyDataset({ train: 6 }, 'more') })
    const pipeline = await compose({
      plugins: [...tinyPlugins(), more(), textMask({ mode: 'token' }), mlm({ image: 'full' }), mrPretrain({ dataset: ['tiny', 'more'], objectives: ['mlm'] })],
    })
    const events: RunEvent[] = await lastValueFrom(pipeline.run().pipe(toArray()))
    expect(events.find(({ type }) => type === 'stage-start')).toMatchObject({ samples: 12 + 6 })
    await pipeline.close()
  })

  it('names the objective that is missing', async () => {
    await expect(compose({ plugins: [...tinyPlugins(), mlm(), mrPretrain()] })).rejects.toMatchObject({
      code: 'PLUGIN_MISSING',
      message: expect.stringContaining('"mim"'),
    })
  })
})
