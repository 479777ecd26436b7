import { memory, scalar } from '@tensorflow/tfjs-core'
import { loadConfig } from '@unidiag/cli/config'
import { compose } from '@unidiag/core/compose'
import { Dataset, type Sample } from '@unidiag/core/contracts/dataset'
import { GradientTransform } from '@unidiag/core/contracts/gradient-transform'
import { Objective } from '@unidiag/core/contracts/objective'
import type { RunEvent } from '@unidiag/core/events'
import type { Pipeline } from '@unidiag/core/pipeline'
import { type AnyPlugin, definePlugin } from '@unidiag/core/plugin'
import { useBackend } from '@unidiag/testing/backends'
import { lastValueFrom, type Observable, take, takeWhile, toArray } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { told } from './run-folder.js'
import { wholeMethod } from './whole-method.js'

useBackend()

const alive = () => ({ tensors: memory().numTensors, buffers: memory().numDataBuffers })

/** The whole method with few samples a step, and with some plugins in place of its own or besides them. */
async function method({ set = [], plugins = [], without = [] }: { set?: readonly string[]; plugins?: readonly AnyPlugin[]; without?: readonly string[] } = {}) {
  const small = ['mr-pretrain', 'td-calib', 'fine-tune'].flatMap((stage) => [`${stage}.batchSize=2`, `${stage}.epochs=100`])
  const config = await loadConfig(wholeMethod, { set: [...small, 'fine-tune.validateEvery=9', ...set] })
  const kept = config.plugins.filter(({ definition }) => !without.includes(definition.name))
  return { plugins: [...kept, ...plugins], seed: config.seed }
}

const few = ['mr-pretrain.steps=3', 'td-calib.steps=3', 'fine-tune.steps=3']

/** Composes, uses and closes; nothing may be left of it. */
async function leavesNothing(composition: Awaited<ReturnType<typeof method>>, use: (pipeline: Pipeline) => unknown): Promise<void> {
  const before = alive()
  const pipeline = await compose(composition)
  expect(alive().tensors).toBeGreaterThan(before.tensors)
  try {
    await use(pipeline)
  } finally {
    await pipeline.close()
  }
  expect(alive()).toEqual(before)
}

const all = (events: Observable<RunEvent>): Promise<RunEvent[]> => lastValueFrom(events.pipe(toArray()))

describe('tensors alive', () => {
  // Many operators a step, and a machine that may have other work.
  it('are as many after 200 steps of each stage as after its first', { timeout: 600_000 }, async () => {
    const counts: Record<string, Set<number>> = {}
    await leavesNothing(await method({ set: ['mr-pretrain.steps=200', 'td-calib.steps=200', 'fine-tune.steps=200'] }), async (pipeline) => {
      const steps = told(await all(pipeline.run()), 'step')
      expect(steps).toHaveLength(600)
      for (const { stage, tensors, coefficients } of steps) {
        counts[stage] = (counts[stage] ?? new Set()).add(tensors)
        expect('rhoText' in coefficients).toBe(stage === 'fine-tune')
      }
    })
    expect(Object.entries(counts).map(([stage, seen]) => [stage, seen.size])).toEqual([
      ['mr-pretrain', 1],
      ['td-calib', 1],
      ['fine-tune', 1],
    ])
  })
})

describe('nothing is left after close', () => {
  it('of a pipeline that never ran', async () => {
    await leavesNothing(await method(), () => {})
  })

  it('of a run to its end, nor of one that goes on from it', async () => {
    await leavesNothing(await method({ set: few }), async (pipeline) => {
      expect((await all(pipeline.run())).at(-1)?.type).toBe('run-end')
      expect((await all(pipeline.run({ resume: true }))).at(-1)?.type).toBe('run-end')
    })
  })

  it.each([1, 4, 9, 13])('of take(%i)', async (n) => {
    await leavesNothing(await method({ set: few }), async (pipeline) => {
      expect(await all(pipeline.run().pipe(take(n)))).toHaveLength(n)
    })
  })

  it.each(['mr-pretrain', 'td-calib', 'fine-tune'])('of unsubscribing in the second step of %s', async (stage) => {
    await leavesNothing(await method({ set: few }), async (pipeline) => {
      const before = (event: RunEvent) => !(event.type === 'step' && event.stage === stage && event.step === 2)
      const events = await all(pipeline.run().pipe(takeWhile(before, true)))
      expect(events.at(-1)).toMatchObject({ type: 'step', stage, step: 2 })
    })
  })

  it.each(['mr-pretrain', 'td-calib'])('of an error in a step of %s', async (stage) => {
    let calls = 0
    const failing = definePlugin({
      name: '@test/failing',
      provides: Objective,
      options: z.strictObject({}),
      setup: () => ({
        name: 'failing',
        loss() {
          if (++calls === 2) throw new Error('this step fails')
          return scalar(0)
        },
      }),
    })
    const set = [...few, `${stage}.objectives=[mim, mlm, feaMim, feaMlm, failing]`]
    await leavesNothing(await method({ set, plugins: [failing()] }), async (pipeline) => {
      await expect(all(pipeline.run())).rejects.toThrow('this step fails')
    })
    expect(calls).toBe(2)
  })

  it.each(['observe', 'apply'] as const)('of an error in a gradient transform, in %s', async (where) => {
    let micros = 0
    const failing = definePlugin({
      name: '@test/failing',
      provides: GradientTransform,
      options: z.strictObject({}),
      setup: (): GradientTransform => ({
        name: 'failing',
        stages: ['fine-tune'],
        observe() {
          // Two micro-batches make a step: the gradients of the third are being kept.
          if (++micros === 4 && where === 'observe') throw new Error('this transform fails')
        },
        apply() {
          if (micros === 4 && where === 'apply') throw new Error('this transform fails')
          return {}
        },
      }),
    })
    await leavesNothing(await method({ set: few, plugins: [failing()] }), async (pipeline) => {
      await expect(all(pipeline.run())).rejects.toThrow('this transform fails')
    })
    expect(micros).toBe(4)
  })

  it('of a loss that is not finite', async () => {
    await leavesNothing(await method({ set: [...few, 'fine-tune.optimizer.learningRate=1e30'] }), async (pipeline) => {
      await expect(all(pipeline.run())).rejects.toMatchObject({ code: 'GRADIENT_NONFINITE' })
    })
  })

  it('of an error in the data, in each stage', async () => {
    const sample = (i: number, fail: boolean): Sample => ({
      id: `s${i}`,
      imageId: `s${i}`,
      text: 'what is it ?',
      answers: [i % 2 === 0 ? 'yes' : 'no'],
      answerType: 'closed',
      image: {
        pixels() {
          if (fail) throw new Error('no such pixels')
          return { data: new Uint8Array(16 * 16), width: 16, height: 16, channels: 1 }
        },
      },
    })
    const datasets = (failing: string) =>
      ['captions', 'questions'].map((name) =>
        definePlugin({
          name: `@test/${name}`,
          provides: Dataset,
          options: z.strictObject({}),
          setup: (): Dataset => ({
            name,
            synthetic: true,
            splits: ['train', 'val', 'test'],
            samples: (split) => Array.from({ length: 6 }, (_, i) => sample(i, i === 4 && `${name}/${split}` === failing)),
          }),
        })(),
      )
    for (const failing of ['captions/train', 'questions/train', 'questions/val', 'questions/test'])
      await leavesNothing(await method({ set: few, plugins: datasets(failing), without: ['@unidiag/datasets/synthetic'] }), async (pipeline) => {
        await expect(all(pipeline.run()), failing).rejects.toThrow('no such pixels')
      })
  })

  it('of a composition that fails half-way', async () => {
    const failing = definePlugin({
      name: '@test/failing',
      provides: Dataset,
      options: z.strictObject({}),
      setup: (): Dataset => {
        throw new Error('no such data')
      },
    })
    const before = alive()
    await expect(compose(await method({ plugins: [failing()] }))).rejects.toThrow('no such data')
    expect(alive()).toEqual(before)
  })
})
