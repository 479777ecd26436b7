import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadConfig } from '@unidiag/cli/config'
import { compose } from '@unidiag/core/compose'
import type { Dataset } from '@unidiag/core/contracts/dataset'
import type { RunEvent } from '@unidiag/core/events'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import type { AnyPlugin } from '@unidiag/core/plugin'
import { testBackend, useBackend } from '@unidiag/testing/backends'
import { setUp } from '@unidiag/testing/set-up'
import { lastValueFrom, tap, toArray } from 'rxjs'
import sharp from 'sharp'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Ended, unidiag } from './command.js'
import { checkpointOf, digests, eventsOf, scratch, told } from './run-folder.js'
import { wholeMethod, without } from './whole-method.js'

const path = scratch()
const run = path('yaml')
const others = { json: wholeMethod.replace(/yaml$/, 'json'), ts: wholeMethod.replace(/yaml$/, 'ts'), saved: join(run, 'config.json') }
let ended: Ended
beforeAll(async () => {
  ended = await unidiag(['run', wholeMethod, '--out', run])
  expect(ended, ended.err).toMatchObject({ code: 0 })
})

const config = async (folder: string) => JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'))
const testScore = async () => told(await eventsOf(run), 'score').at(-1)?.score

/** Everything a run ended with that is a number: tensors, losses, coefficients and scores. */
async function numbers(folder: string) {
  const events = await eventsOf(folder)
  return {
    checkpoints: [await checkpointOf(folder, 'last'), await checkpointOf(folder, 'best')],
    steps: told(events, 'step').map(({ seconds, ...step }) => step),
    scores: told(events, 'score'),
  }
}

describe('the whole method', () => {
  it('runs its stages one after another', async () => {
    const events = await eventsOf(run)
    expect(told(events, 'run-start')[0]).toMatchObject({ stages: ['mr-pretrain', 'td-calib', 'fine-tune'], backend: testBackend(), seed: 5 })
    expect(told(events, 'stage-end').map(({ stage, steps }) => [stage, steps])).toEqual([
      ['mr-pretrain', 6],
      ['td-calib', 3],
      ['fine-tune', 4],
    ])
    const steps = told(events, 'step')
    for (const { losses } of steps) expect(Object.values(losses).every(Number.isFinite)).toBe(true)
    const losses = (stage: string) => Object.keys(steps.find((step) => step.stage === stage)?.losses ?? {}).sort()
    expect(losses('mr-pretrain')).toEqual(['feaMim', 'feaMlm', 'itm', 'mim', 'mlm', 'total'])
    expect(losses('td-calib')).toEqual(['feaMim', 'feaMlm', 'mim', 'mlm', 'total'])
    expect(losses('fine-tune')).toEqual(['total', 'vqa'])
    for (const { stage, coefficients } of steps) expect('kText' in coefficients, stage).toBe(stage === 'fine-tune')
    expect(events.at(-1)).toMatchObject({ type: 'run-end', out: run })
  })

  it.each(Object.entries(others))('gives the same numbers from the config as %s, to the last bit', async (kind, file) => {
    const again = path(kind)
    const { code, err } = await unidiag(['run', file, '--out', again])
    expect(code, err).toBe(0)
    expect({ ...(await config(again)), out: run }).toEqual(await config(run))
    const [a, b] = [await numbers(run), await numbers(again)]
    expect(a.steps).toHaveLength(13)
    expect(a.scores).toHaveLength(3)
    // Weights and two moments of each.
    expect(Object.keys(a.checkpoints[0].tensors).length).toBeGreaterThan(300)
    expect(b).toEqual(a)
  })

  it('gives other numbers with another seed', async () => {
    const other = path('seed')
    await unidiag([
      'run',
      wholeMethod,
      '--out',
      other,
      '--set',
      'seed=6',
      '--set',
      'mr-pretrain.steps=1',
      '--set',
      'td-calib.steps=1',
      '--set',
      'fine-tune.steps=1',
    ])
    expect((await numbers(other)).steps[0].losses).not.toEqual((await numbers(run)).steps[0].losses)
  })

  it('is scored again by eval to the same score, which carries its protocol', async () => {
    const { code, out } = await unidiag(['eval', run, '--json'])
    expect(code).toBe(0)
    const { checkpoint, score } = JSON.parse(out)
    expect(checkpoint).toBe(join(run, 'best.safetensors'))
    expect(score).toEqual(await testScore())
    expect(score.protocol).toEqual({
      task: 'vqa',
      dataset: 'questions',
      synthetic: true,
      split: 'test',
      splitHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      samples: 16,
      lost: 0,
      details: expect.objectContaining({ vocabularySize: expect.any(Number), vocabularySource: 'questions: train', unproducibleShare: expect.any(Number) }),
    })
    for (const name of ['overall', 'open', 'closed']) {
      const { value, interval, n } = score.metrics[name]
      expect(n, name).toBeGreaterThan(0)
      expect(interval[0]).toBeLessThanOrEqual(value)
      expect(interval[1]).toBeGreaterThanOrEqual(value)
    }
  })

  it('answers with probabilities that sum to 1', async () => {
    const image = path('scan.png')
    await sharp({ create: { width: 20, height: 30, channels: 3, background: '#406080' } })
      .png()
      .toFile(image)
    const { code, out } = await unidiag(['predict', '--checkpoint', run, '--image', image, '--question', 'what is it ?', '--top', '1000', '--json'])
    expect(code).toBe(0)
    const { answers } = JSON.parse(out) as { answers: { answer: string; probability: number }[] }
    expect(answers).toHaveLength((await testScore())?.protocol.details.vocabularySize as number)
    expect(answers.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 5)
    expect(new Set(answers.map(({ answer }) => answer)).size).toBe(answers.length)
  })

  it('logs ids and numbers: no text, no pixels', async () => {
    const log = await readFile(join(run, 'events.jsonl'), 'utf8')
    const { plugins } = await loadConfig(join(run, 'config.json'))
    const datasets: Dataset[] = []
    for (const plugin of plugins.filter(({ definition }) => definition.name === '@unidiag/datasets/synthetic')) datasets.push(await setUp(plugin as AnyPlugin))
    const samples = datasets.flatMap((dataset) => dataset.splits.flatMap((split) => dataset.samples(split)))
    expect(samples).toHaveLength(24 + 48)
    for (const { text } of samples) {
      expect(log).not.toContain(text)
      expect(ended.out).not.toContain(text)
    }
    const longest = (value: unknown): number =>
      typeof value !== 'object' || value === null ? 0 : Math.max(Array.isArray(value) ? value.length : 0, ...Object.values(value).map(longest))
    // No list is as long as an image of one channel.
    expect(Math.max(...(await eventsOf(run)).map(longest))).toBeLessThan(16 * 16)
  })
})

describe('in one process', () => {
  useBackend()

  it('a stage starts from the weights that the one before it ended with', async () => {
    const { plugins, seed } = await loadConfig(wholeMethod, { set: ['mr-pretrain.steps=1', 'td-calib.steps=1', 'fine-tune.steps=1'] })
    const pipeline = await compose({ plugins, seed })
    const weights: Record<string, string>[] = []
    const look = (event: RunEvent) => {
      if (event.type === 'stage-start' || event.type === 'stage-end') weights.push(digests(pipeline.get(ParameterStore).export()))
    }
    await lastValueFrom(pipeline.run().pipe(tap(look))).finally(() => pipeline.close())
    const [fresh, pretrained, atCalibration, calibrated, atTuning, tuned] = weights
    expect(atCalibration).toEqual(pretrained)
    expect(atTuning).toEqual(calibrated)
    expect([fresh, pretrained, calibrated, tuned].map((digest) => JSON.stringify(digest)).filter((text, i, all) => all.indexOf(text) === i)).toHaveLength(4)
  })

  const heads = ['random-patch', 'text-mask', 'mim-decoder', 'mim', 'mlm', 'fea-mim', 'fea-mlm', 'itm', 'ema-teacher']

  it.each([
    ['plain tuning', ['mr-pretrain', 'td-calib', 'gm-coord'], ['fine-tune']],
    ['plain tuning without the heads', ['mr-pretrain', 'td-calib', 'gm-coord', ...heads], ['fine-tune']],
    ['GM-Coord', ['mr-pretrain', 'td-calib'], ['fine-tune']],
    ['TD-Calib', ['mr-pretrain', 'gm-coord'], ['td-calib', 'fine-tune']],
    ['TD-Calib and GM-Coord', ['mr-pretrain'], ['td-calib', 'fine-tune']],
    ['MR-Pretrain', ['td-calib', 'gm-coord'], ['mr-pretrain', 'fine-tune']],
    ['MR-Pretrain and GM-Coord', ['td-calib'], ['mr-pretrain', 'fine-tune']],
    ['MR-Pretrain and TD-Calib', ['gm-coord'], ['mr-pretrain', 'td-calib', 'fine-tune']],
    ['MR-Pretrain alone', ['td-calib', 'gm-coord', 'fine-tune', 'vqa'], ['mr-pretrain']],
  ])('a part of the method is the config without some lines: %s', async (name, left, stages) => {
    const file = path(`${name}.yaml`)
    await writeFile(file, await without(...left))
    const { plugins, seed } = await loadConfig(file, { set: stages.map((stage) => `${stage}.steps=1`) })
    const pipeline = await compose({ plugins, seed })
    const events = await lastValueFrom(pipeline.run().pipe(toArray())).finally(() => pipeline.close())
    expect(told(events, 'stage-end').map(({ stage }) => stage)).toEqual(stages)
    const tuned = told(events, 'step').find(({ stage }) => stage === 'fine-tune')
    expect(Object.keys(tuned?.coefficients ?? {}).length > 0).toBe(stages.includes('fine-tune') && !left.includes('gm-coord'))
    expect(told(events, 'score').at(-1)?.score.protocol.split).toBe(stages.includes('fine-tune') ? 'test' : undefined)
  })
})
