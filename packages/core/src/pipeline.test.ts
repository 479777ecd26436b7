import { rmSync, writeFileSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memory } from '@tensorflow/tfjs-core'
import { useBackend } from '@unidiag/testing/backends'
import { interval, lastValueFrom, map, of, take, tap, throwError, toArray } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { ToyTeacher, toyImages, toyLoss, toyModel, toySamples, toyTokenizer } from '../test/toy.js'
import { compose } from './compose.js'
import { GradientTransform } from './contracts/gradient-transform.js'
import { Sink } from './contracts/sink.js'
import { Stage } from './contracts/stage.js'
import { Teacher } from './contracts/teacher.js'
import { Tokenizer } from './contracts/tokenizer.js'
import type { RunEvent, StepEvent } from './events.js'
import { ParameterStore, type Parameters } from './nn/parameter.js'
import { optimizerOptions } from './optim/options.js'
import type { Pipeline } from './pipeline.js'
import { type AnyPlugin, definePlugin } from './plugin.js'
import { all, token } from './token.js'
import { train } from './train.js'

useBackend()
let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'unidiag-pipeline-'))
})
afterAll(() => rm(root, { recursive: true }))

const Model = token<ReturnType<typeof toyModel>>('ToyModel')
const model = definePlugin({
  name: '@toy/model',
  provides: Model,
  needs: { parameters: ParameterStore },
  options: z.strictObject({}),
  setup: ({ needs }) => toyModel(needs.parameters),
})
const tokenizer = definePlugin({
  name: '@toy/tokenizer',
  provides: Tokenizer,
  options: z.strictObject({ fingerprint: z.string().default('toy') }),
  setup: ({ options }) => ({ ...toyTokenizer, fingerprint: options.fingerprint, json: '{"toy":1}' }),
})
const teacher = definePlugin({
  name: '@toy/teacher',
  provides: Teacher,
  needs: { parameters: ParameterStore },
  options: z.strictObject({}),
  setup: ({ needs }) => new ToyTeacher(needs.parameters, 'microBatch'),
  teardown: (it) => it.dispose(),
})
const stage = definePlugin({
  name: '@toy/stage',
  provides: Stage,
  needs: { model: Model, teacher: Teacher, tokenizer: Tokenizer, transforms: all(GradientTransform) },
  options: z.strictObject({
    name: z.string().default('toy'),
    steps: z.int().default(8),
    optimizer: optimizerOptions.prefault({ learningRate: 0.05, accumulate: 2 }),
  }),
  setup: ({ needs, options }): Stage => ({
    name: options.name,
    run: (context) =>
      train(context, {
        ...needs,
        stage: options.name,
        samples: toySamples(11),
        loader: { tokenizer: needs.tokenizer, images: toyImages, parts: [] },
        batchSize: 2,
        steps: options.steps,
        optimizer: options.optimizer,
        augment: false,
        ahead: 1,
        forward: toyLoss,
      }),
  }),
})
const custom = (name: string, run: Stage['run']): AnyPlugin =>
  definePlugin({ name: `@toy/${name}`, provides: Stage, options: z.strictObject({}), setup: () => ({ name, run }) })()
const sink = (next: Sink['next'], close?: Sink['close']): AnyPlugin =>
  definePlugin({ name: '@toy/sink', provides: Sink, options: z.strictObject({}), setup: (): Sink => ({ next, ...(close && { close }) }) })()

const toyPlugins = (): AnyPlugin[] => [model(), tokenizer(), teacher(), stage({ name: 'one' }), stage({ name: 'two', steps: 6 })]
const collect = (pipeline: Pipeline, o = {}) => lastValueFrom(pipeline.run(o).pipe(toArray()))
const types = (events: RunEvent[]) => events.map((e) => ('stage' in e ? `${e.type} ${e.stage}` : e.type))
const weights = (pipeline: Pipeline) => (pipeline.get(ParameterStore) as Parameters).export()
const note = (message: string): RunEvent => ({ type: 'note', stage: 's', message })
const later = (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms))

describe('Pipeline.run', () => {
  it('runs the stages one after another and tells about it', async () => {
    const out = join(root, 'plain')
    const pipeline = await compose({ plugins: toyPlugins(), seed: 3, out })
    const events = await collect(pipeline)
    expect(events[0]).toMatchObject({
      type: 'run-start',
      out,
      seed: 3,
      stages: ['one', 'two'],
      parameters: 12 * 4 + 4 + 32 + 20,
      resumed: false,
      backend: expect.any(String),
    })
    expect(types(events)).toEqual([
      'run-start',
      'stage-start one',
      ...Array(8).fill('step one'),
      'checkpoint one',
      'stage-end one',
      'stage-start two',
      ...Array(6).fill('step two'),
      'checkpoint two',
      'stage-end two',
      'run-end',
    ])
    expect((await readdir(out)).sort()).toEqual(['config.json', 'last.safetensors', 'tokenizer.json'])
    expect(JSON.parse(await readFile(join(out, 'config.json'), 'utf8'))).toEqual(pipeline.config)
    expect(await readFile(join(out, 'tokenizer.json'), 'utf8')).toBe('{"toy":1}')
    // Plain data: nothing is lost on the way to a log or another thread.
    expect(JSON.parse(JSON.stringify(events))).toEqual(events)
    await pipeline.close()
  })

  it('is cold, and writes nothing without a folder', async () => {
    let runs = 0
    const pipeline = await compose({
      plugins: [
        custom('s', () => {
          runs++
          return of(note('hello'))
        }),
      ],
    })
    const run = pipeline.run()
    await later()
    expect(runs).toBe(0)
    expect(types(await lastValueFrom(run.pipe(toArray())))).toEqual(['run-start', 'note s', 'run-end'])
    expect(runs).toBe(1)
    await pipeline.close()
  })

  it('gives the same numbers for the same seed, others for another', async () => {
    const losses = async (seed: number) => {
      const pipeline = await compose({ plugins: toyPlugins(), seed })
      const events = await collect(pipeline)
      await pipeline.close()
      return events.filter((e): e is StepEvent => e.type === 'step').map((e) => e.losses.total)
    }
    const first = await losses(1)
    expect(await losses(1)).toEqual(first)
    expect(await losses(2)).not.toEqual(first)
  })

  it('refuses to run twice at once, again without resume, and after close', async () => {
    const pipeline = await compose({ plugins: toyPlugins() })
    const running = collect(pipeline)
    await expect(collect(pipeline)).rejects.toMatchObject({ code: 'PIPELINE_FROZEN' })
    await running
    await expect(collect(pipeline)).rejects.toMatchObject({ code: 'PIPELINE_FROZEN', fix: expect.stringMatching(/resume/) })
    await pipeline.close()
    await expect(collect(pipeline)).rejects.toMatchObject({ code: 'PIPELINE_FROZEN' })
  })

  it('passes an error of a stage on, ends the sinks, and can be closed', async () => {
    let closed = 0
    const pipeline = await compose({
      plugins: [
        custom('bad', () => throwError(() => new Error('broken'))),
        custom('after', () => of(note('no'))),
        sink(
          () => {},
          () => void closed++,
        ),
      ],
    })
    const seen: RunEvent[] = []
    await expect(lastValueFrom(pipeline.run().pipe(tap((e) => seen.push(e))))).rejects.toThrow('broken')
    expect(types(seen)).toEqual(['run-start'])
    expect(closed).toBe(1)
    await pipeline.close()
  })

  it('leaves no tensor behind once closed', async () => {
    await (await compose({ plugins: toyPlugins() })).close()
    const before = memory().numTensors
    const pipeline = await compose({ plugins: toyPlugins() })
    await collect(pipeline)
    await pipeline.close()
    expect(memory().numTensors).toBe(before)
  })
})

describe('Pipeline.run, sinks', () => {
  it('feeds them every event, before the subscriber, and waits for them to close', async () => {
    const order: string[] = []
    const pipeline = await compose({
      plugins: [
        custom('s', () => of(note('1'))),
        sink(
          (e) => order.push(`sink ${e.type}`),
          async () => {
            await later(5)
            order.push('closed')
          },
        ),
      ],
    })
    await lastValueFrom(pipeline.run().pipe(tap({ next: (e) => order.push(e.type), complete: () => order.push('complete') })))
    expect(order).toEqual(['sink run-start', 'run-start', 'sink note', 'note', 'sink run-end', 'run-end', 'closed', 'complete'])
    await pipeline.close()
  })

  it('detaches one that throws, says so, and goes on', async () => {
    let calls = 0
    const good: string[] = []
    const pipeline = await compose({
      plugins: [
        custom('s', () => of(note('1'), note('2'), note('3'))),
        sink((e) => {
          calls++
          if (e.type === 'note') throw new Error('disk full')
        }),
        sink((e) => good.push(e.type === 'note' ? e.message : e.type)),
      ],
    })
    const events = await collect(pipeline)
    const told = 'a sink failed and was detached: disk full'
    expect(events.filter((e) => e.type === 'note').map((e) => e.message)).toEqual(['1', told, '2', '3'])
    expect(good).toEqual(['run-start', '1', told, '2', '3', 'run-end'])
    expect(calls).toBe(2)
    await pipeline.close()
  })
})

describe('Pipeline, stopped', () => {
  it('unsubscribing stops at the step boundary, saves, tells the sinks, and resumes bit for bit', async () => {
    const straight = await compose({ plugins: toyPlugins(), out: join(root, 'straight') })
    const expected = await collect(straight)

    const out = join(root, 'stopped')
    const heard: RunEvent[] = []
    const plugins = () => [...toyPlugins(), sink((e) => heard.push(e))]
    const first = await compose({ plugins: plugins(), out })
    const before = await lastValueFrom(first.run().pipe(take(1 + 1 + 8 + 2 + 1 + 3), toArray()))
    expect(before.at(-1)).toMatchObject({ type: 'step', stage: 'two', step: 3 })
    await first.close()
    expect(types(heard.slice(before.length))).toEqual(['checkpoint two', 'note two'])

    const second = await compose({ plugins: plugins(), out })
    const after = await collect(second, { resume: true })
    expect(after[0]).toMatchObject({ type: 'run-start', resumed: true })
    expect(after[1]).toMatchObject({ type: 'stage-start', stage: 'two', resumedAt: 3 })
    expect(weights(second)).toEqual(weights(straight))
    const numbers = (events: RunEvent[]) =>
      events.filter((e): e is StepEvent => e.type === 'step').map((e) => [e.stage, e.step, e.losses, e.gradientNorm, e.learningRate])
    expect([...numbers(before), ...numbers(after)]).toEqual(numbers(expected))
    for (const pipeline of [straight, second]) await pipeline.close()
  })

  it('can go on in the same pipeline', async () => {
    const pipeline = await compose({ plugins: toyPlugins(), out: join(root, 'same') })
    await lastValueFrom(pipeline.run().pipe(take(5)))
    while (!(await readdir(join(root, 'same'))).includes('last.safetensors')) await later(2)
    await later(10)
    const events = await collect(pipeline, { resume: true })
    expect(events[1]).toMatchObject({ type: 'stage-start', stage: 'one', resumedAt: 3 })
    expect(events.at(-1)?.type).toBe('run-end')
    await pipeline.close()
  })

  it('close() stops a run, waits for its checkpoint, and tears down', async () => {
    const out = join(root, 'closed')
    const before = memory().numTensors
    const pipeline = await compose({ plugins: toyPlugins(), out })
    const events: RunEvent[] = []
    const done = new Promise<void>((resolve) => pipeline.run().subscribe({ next: (e) => events.push(e), complete: resolve }))
    while (events.length < 4) await later()
    await pipeline.close()
    await done
    expect(types(events).slice(-2)).toEqual(['checkpoint one', 'note one'])
    expect(memory().numTensors).toBe(before)
  })

  it('unsubscribes a stage that does not listen', async () => {
    let live = 0
    const step = { type: 'step', stage: 'deaf', step: 1 } as StepEvent
    const pipeline = await compose({
      plugins: [
        custom('deaf', () =>
          interval(1).pipe(
            map((): RunEvent => step),
            tap({ subscribe: () => live++, finalize: () => live-- }),
          ),
        ),
      ],
    })
    await lastValueFrom(pipeline.run().pipe(take(3)))
    await pipeline.close()
    expect(live).toBe(0)
  })

  it('close() reports a checkpoint that could not be written after the subscriber had left', async () => {
    const out = join(root, 'unwritable')
    const pipeline = await compose({ plugins: toyPlugins(), out })
    await lastValueFrom(
      pipeline.run().pipe(
        take(5),
        tap((e) => {
          if (e.type !== 'stage-start') return
          rmSync(out, { recursive: true })
          writeFileSync(out, 'in the way')
        }),
      ),
    )
    await expect(pipeline.close()).rejects.toMatchObject({ code: 'FILE_UNWRITABLE', cause: { code: expect.stringMatching(/ENOTDIR|EEXIST/) } })
  })
})

describe('Pipeline.run, resuming', () => {
  const stopped = async (out: string, plugins: AnyPlugin[], seed = 0) => {
    const pipeline = await compose({ plugins, out, seed })
    await lastValueFrom(pipeline.run().pipe(take(5)))
    await pipeline.close()
  }

  it('refuses another configuration, naming the differences', async () => {
    const out = join(root, 'mismatch')
    await stopped(out, toyPlugins())
    const other = [model(), tokenizer({ fingerprint: 'other' }), teacher(), stage({ name: 'one', steps: 9 }), stage({ name: 'two', steps: 6 })]
    const pipeline = await compose({ plugins: other, out, seed: 1 })
    const error = await collect(pipeline, { resume: true }).catch((e) => e)
    expect(error.code).toBe('RESUME_MISMATCH')
    for (const line of [
      'seed: was 0, is 1',
      '@toy/stage.steps: was 8, is 9',
      '@toy/tokenizer.fingerprint: was "toy", is "other"',
      'tokenizer: was "toy", is "other"',
    ])
      expect(error.message).toContain(line)
    await pipeline.close()
  })

  it('takes a run folder that has moved', async () => {
    const out = join(root, 'before-move')
    await stopped(out, toyPlugins())
    const moved = join(root, 'after-move')

    await rename(out, moved)
    const pipeline = await compose({ plugins: toyPlugins(), out: moved, name: 'moved' })
    expect((await collect(pipeline, { resume: true })).at(-1)?.type).toBe('run-end')
    await pipeline.close()
  })

  it('starts at the beginning when there is nothing to resume, and says so', async () => {
    const pipeline = await compose({ plugins: toyPlugins(), out: join(root, 'nothing') })
    const events = await collect(pipeline, { resume: true })
    expect(events[1]).toMatchObject({ type: 'note', message: expect.stringMatching(/no checkpoint to resume from/) })
    expect(events[2]).toMatchObject({ type: 'stage-start', stage: 'one', resumedAt: 0 })
    await pipeline.close()
  })

  it('refuses a damaged checkpoint and leaves it where it is', async () => {
    const out = join(root, 'damaged')
    await stopped(out, toyPlugins())
    const file = join(out, 'last.safetensors')
    await writeFile(file, (await readFile(file)).subarray(0, 500))
    const pipeline = await compose({ plugins: toyPlugins(), out })
    await expect(collect(pipeline, { resume: true })).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID', message: expect.stringContaining(file) })
    expect((await readFile(file)).length).toBe(500)
    await pipeline.close()
  })

  it('a new run in the same folder sets the old checkpoint aside', async () => {
    const out = join(root, 'again')
    await stopped(out, toyPlugins())
    const pipeline = await compose({ plugins: toyPlugins(), out })
    expect((await collect(pipeline))[1]).toMatchObject({ type: 'stage-start', resumedAt: 0 })
    expect(await readdir(out)).toContain('last.previous.safetensors')
    await pipeline.close()
  })
})
