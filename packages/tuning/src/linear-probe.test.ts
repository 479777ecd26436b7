import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compose } from '@unidiag/core/compose'
import { ImageEncoder } from '@unidiag/core/contracts/encoders'
import type { RunEvent, StepEvent } from '@unidiag/core/events'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import { useBackend } from '@unidiag/testing/backends'
import { tinyDataset } from '@unidiag/testing/tiny-data'
import { tinyPlugins } from '@unidiag/testing/tiny-plugins'
import { lastValueFrom, takeWhile, toArray } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { letterTask } from '../test/letter-task.js'
import { fineTune } from './fine-tune.js'
import { gmCoord } from './gm-coord.js'
import { linearProbe } from './linear-probe.js'

type Stages = Parameters<typeof compose>[0]['plugins']

const method = (stages: Stages, { dropout = 0, out }: { dropout?: number; out?: string } = {}) =>
  compose({
    seed: 3,
    ...(out !== undefined && { out }),
    plugins: [...tinyPlugins({ dataset: tinyDataset({ train: 24, val: 8, test: 8 }), dropout }), letterTask(), ...stages],
  })

const probe = (o: Parameters<typeof linearProbe>[0] = {}) =>
  linearProbe({ batchSize: 8, epochs: 4, validationSplit: null, testSplit: null, optimizer: { learningRate: 5e-2 }, ...o })
const tune = fineTune({ batchSize: 8, epochs: 1, validationSplit: null, testSplit: null, optimizer: { learningRate: 1e-3 } })

type Weights = Record<string, number[]>

async function run(stages: Stages, { dropout = 0 } = {}) {
  const pipeline = await method(stages, { dropout })
  const weights = (): Weights =>
    Object.fromEntries(
      pipeline
        .get(ParameterStore)
        .all()
        .map(({ name, value }) => [name, [...value.dataSync()]]),
    )
  const encoder = pipeline.get(ImageEncoder)
  const encode = encoder.encode.bind(encoder)
  let encoded = 0
  encoder.encode = (...inputs) => {
    encoded++
    return encode(...inputs)
  }
  const before = weights()
  const events: RunEvent[] = await lastValueFrom(pipeline.run().pipe(toArray()))
  const after = weights()
  await pipeline.close()
  const steps = events.filter((event): event is StepEvent => event.type === 'step')
  return { events, steps, encoded, changed: Object.keys(before).filter((name) => before[name].join() !== after[name].join()) }
}

describe('linearProbe', () => {
  useBackend()

  it('trains the head of the task and nothing else', async () => {
    const { steps, changed } = await run([probe({ epochs: 20 })])
    expect(changed).toEqual(['cls_head.0.weight', 'cls_head.0.bias'])
    const mean = (part: readonly StepEvent[]) => part.reduce((total, { losses }) => total + losses.letter, 0) / part.length
    expect(mean(steps.slice(-6))).toBeLessThan(mean(steps.slice(0, 6)) - 0.05)
    expect(new Set(steps.map(({ tensors }) => tensors)).size).toBe(1)
  })

  it('reads every pair once, however many epochs', async () => {
    expect((await run([probe({ epochs: 1 })])).encoded).toBe(3)
    expect((await run([probe({ epochs: 5 })])).encoded).toBe(3)
  })

  it('has no dropout in the encoders', async () => {
    const losses = async (dropout: number) => (await run([probe()], { dropout })).steps.map(({ losses }) => losses.letter)
    expect(await losses(0.5)).toEqual(await losses(0))
  })

  it('validates and tests as fine-tuning does', async () => {
    const { events } = await run([probe({ epochs: 2, validationSplit: 'val', testSplit: 'test' })])
    const scores = events.flatMap((event) => (event.type === 'score' ? [{ stage: event.stage, split: event.score.protocol.split }] : []))
    expect(scores).toEqual(['val', 'val', 'test'].map((split) => ({ stage: 'linear-probe', split })))
    await expect(method([probe({ validationSplit: 'test', testSplit: 'test' })])).rejects.toMatchObject({ code: 'SPLIT_FORBIDDEN' })
  })

  it('before fine-tuning is LP-FT: tuning starts from the probed head, coordinated or not', async () => {
    const [plain, lpft] = [await run([tune]), await run([probe({ epochs: 20 }), gmCoord(), tune])]
    const tuned = lpft.steps.filter(({ stage }) => stage === 'fine-tune')
    expect(tuned[0].losses.letter).toBeLessThan(plain.steps[0].losses.letter - 0.05)
    expect(lpft.changed).toContain('vision_encoder.class')
    expect(lpft.steps.filter(({ coefficients }) => 'kText' in coefficients)).toEqual(tuned)
  })

  it('goes on bit for bit where it was stopped', async () => {
    const dirs = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'unidiag-probe-')))
    const ended = async (out: string, how: { stopAt?: number; resume?: boolean } = {}): Promise<Weights> => {
      const pipeline = await method([probe()], { out })
      const goesOn = (event: RunEvent): boolean => !(event.type === 'step' && event.step === how.stopAt)
      await lastValueFrom(pipeline.run({ resume: how.resume ?? false }).pipe(takeWhile(goesOn, true)))
      const weights = Object.fromEntries(
        pipeline
          .get(ParameterStore)
          .all()
          .map(({ name, value }) => [name, [...value.dataSync()]]),
      )
      await pipeline.close()
      return weights
    }
    const whole = await ended(dirs[0])
    expect(await ended(dirs[1], { stopAt: 5 })).not.toEqual(whole)
    expect(await ended(dirs[1], { resume: true })).toEqual(whole)
    await Promise.all(dirs.map((dir) => rm(dir, { recursive: true })))
  })
})
