import { compose } from '@unidiag/core/compose'
import type { RunEvent, StepEvent } from '@unidiag/core/events'
import { useBackend } from '@unidiag/testing/backends'
import { tinyDataset } from '@unidiag/testing/tiny-data'
import { tinyPlugins } from '@unidiag/testing/tiny-plugins'
import { lastValueFrom, toArray } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { letterTask } from '../test/letter-task.js'
import { fineTune } from './fine-tune.js'
import { gmCoord } from './gm-coord.js'

const method = (options: Parameters<typeof fineTune>[0], coordinate = true) =>
  compose({
    seed: 3,
    plugins: [
      ...tinyPlugins({ dataset: tinyDataset({ train: 24, val: 8, test: 8 }), dropout: 0 }),
      letterTask(),
      ...(coordinate ? [gmCoord()] : []),
      fineTune({ batchSize: 8, optimizer: { learningRate: 1e-2, multiplier: { heads: 2, multiModal: 1 } }, ...options }),
    ],
  })

async function run(options: Parameters<typeof fineTune>[0], coordinate?: boolean) {
  const pipeline = await method(options, coordinate)
  const events: RunEvent[] = await lastValueFrom(pipeline.run().pipe(toArray()))
  await pipeline.close()
  return {
    events,
    steps: events.filter((event): event is StepEvent => event.type === 'step'),
    scores: events.flatMap((event) =>
      event.type === 'score' ? [{ split: event.score.protocol.split, epoch: event.epoch, value: event.score.metrics.accuracy.value }] : [],
    ),
  }
}

describe('fineTune', () => {
  useBackend()

  it('learns the task, validates every epoch and tests once at the end, with the coefficients of GM-Coord in its events', async () => {
    const { steps, scores, events } = await run({ epochs: 20 })
    expect(steps).toHaveLength(60)
    const mean = (part: readonly StepEvent[]) => part.reduce((total, { losses }) => total + losses.letter, 0) / part.length
    expect(mean(steps.slice(-6))).toBeLessThan(mean(steps.slice(0, 6)) - 0.1)
    expect(scores.filter(({ split }) => split === 'val').map(({ epoch }) => epoch)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
    expect(scores.at(-1)).toMatchObject({ split: 'test', epoch: 20 })
    expect(events.at(-2)).toMatchObject({ type: 'score', score: { protocol: { split: 'test' } } })
    for (const { coefficients } of steps) {
      expect(Object.keys(coefficients)).toEqual(['rhoText', 'kText', 'kImage', 'contributionText', 'contributionImage'])
      expect(coefficients.rhoText).toBeCloseTo(coefficients.contributionText / coefficients.contributionImage, 4)
      expect(Math.max(coefficients.kText, coefficients.kImage)).toBe(1)
      expect(Math.min(coefficients.kText, coefficients.kImage)).toBeLessThan(1)
    }
  })

  it('holds as many tensors after 200 steps as after the first', async () => {
    const { steps } = await run({ steps: 200, validationSplit: null, testSplit: null })
    expect(steps).toHaveLength(200)
    expect(new Set(steps.map(({ tensors }) => tensors)).size).toBe(1)
  })

  it('is plain tuning without GM-Coord', async () => {
    const { steps, scores } = await run({ epochs: 1, validationSplit: null }, false)
    expect(steps[0].coefficients).toEqual({})
    expect(scores).toHaveLength(1)
    expect(scores[0].split).toBe('test')
  })

  it('sums contributions over an accumulation window', async () => {
    const whole = await run({ steps: 1, batchSize: 8, testSplit: null, validationSplit: null })
    const parts = await run({ steps: 1, batchSize: 4, testSplit: null, validationSplit: null, optimizer: { accumulate: 2 } })
    for (const [name, value] of Object.entries(whole.steps[0].coefficients)) expect(parts.steps[0].coefficients[name]).toBeCloseTo(value, 4)
  })

  it('refuses to choose its weights on the split that it reports, and other splits for training', async () => {
    await expect(method({ validationSplit: 'test' })).rejects.toMatchObject({ code: 'SPLIT_FORBIDDEN' })
    await expect(method({ split: 'val' })).rejects.toMatchObject({ code: 'SPLIT_FORBIDDEN' })
    const allowed = await method({ validationSplit: 'test', allowSelectionOnTest: true })
    await allowed.close()
  })

  it('has the settings of the VQA runs by default', () => {
    expect(fineTune.definition.options.parse({})).toMatchObject({
      pooling: 'mean-non-pad',
      validationSplit: 'val',
      testSplit: 'test',
      optimizer: { learningRate: 5e-6, weightDecay: 0.01, multiplier: { multiModal: 5, heads: 50 }, schedule: 'cosine', warmup: 0.1 },
    })
  })
})
