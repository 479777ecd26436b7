import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { memory, mul, type Scalar } from '@tensorflow/tfjs-core'
import { useBackend } from '@unidiag/testing/backends'
import { lastValueFrom, take, tap, toArray } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ToyNoise, toyImages, toyLoss, toySamples, toyStage } from '../test/toy.js'
import type { BatchPart } from './contracts/objective.js'
import type { Score } from './contracts/task.js'
import { batchKeys } from './data/batch-keys.js'
import { UniDiagError } from './errors.js'
import type { RunEvent, StepEvent } from './events.js'
import { train } from './train.js'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

useBackend()
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'unidiag-train-'))
})
afterAll(() => rm(folder, { recursive: true }))

type Toy = ReturnType<typeof toyStage>
const events = (toy: Toy) => lastValueFrom(train(toy.context, toy.options).pipe(toArray()))
const steps = (all: RunEvent[]) => all.filter((e): e is StepEvent => e.type === 'step')
const later = (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms))

/** Everything that a step can change. */
const state = (toy: Toy) => ({
  weights: toy.parameters.export(),
  teacher: toy.parameters.export((p) => toy.teacher.values.get(p.name)),
})
const score = (value: number): Score => ({
  primary: 'accuracy',
  metrics: { accuracy: { value, interval: [0, 1], n: 4 } },
  protocol: { task: 't', dataset: 'd', synthetic: true, split: 'val', splitHash: '', samples: 4, lost: 0, details: {} },
})

describe('train', () => {
  it('tells what it does: steps of averaged micro-batches, windows cut at the end of an epoch', async () => {
    const noise = new ToyNoise()
    const toy = toyStage({ epochs: 2, transforms: [noise] })
    const all = await events(toy)
    expect(all[0]).toEqual({ type: 'stage-start', stage: 'toy', samples: 11, steps: 6, epochs: 2, batchSize: 2, resumedAt: 0 })
    expect(all.at(-1)).toMatchObject({ type: 'stage-end', stage: 'toy', steps: 6 })
    // 11 samples: micro-batches of 2 2 2 2 2 1, in windows of two.
    expect(steps(all).map((e) => [e.step, e.steps, e.epoch, e.samples])).toEqual([
      [1, 6, 1, 4],
      [2, 6, 1, 4],
      [3, 6, 1, 3],
      [4, 6, 2, 4],
      [5, 6, 2, 4],
      [6, 6, 2, 3],
    ])
    for (const { losses, gradientNorm, coefficients, learningRate } of steps(all)) {
      expect(losses.total).toBeCloseTo(losses.match + losses.one, 5)
      expect(gradientNorm).toBeGreaterThan(0)
      expect(coefficients.factor).toBeGreaterThan(0)
      expect(learningRate).toBeGreaterThan(0)
    }
    expect(noise.observed).toBe(12)
    expect(toy.teacher.updates).toBe(12)
    toy.dispose()
  })

  it('has learning rate 0 in the first step of a warm-up and leaves the weights alone, as the reference', async () => {
    const toy = toyStage({ steps: 10 })
    const before = state(toy).weights
    const rates: number[] = []
    const moved: boolean[] = []
    await lastValueFrom(
      train(toy.context, toy.options).pipe(
        tap((event) => {
          if (event.type !== 'step') return
          rates.push(event.learningRate)
          moved.push(!sameValues(state(toy).weights, before))
        }),
      ),
    )
    expect(rates[0]).toBe(0)
    expect(rates[1]).toBeCloseTo(0.05)
    expect(moved.slice(0, 2)).toEqual([false, true])
    toy.dispose()
  })

  it('accumulating two micro-batches is one batch of twice the size', async () => {
    const plain = { transforms: [], n: 8, epochs: 3, dropout: 0, every: 'step' as const }
    const accumulated = toyStage(plain)
    const whole = toyStage({ ...plain, batchSize: 4 })
    whole.options.optimizer.accumulate = 1
    const [a, b] = [steps(await events(accumulated)), steps(await events(whole))]
    expect(a.length).toBe(b.length)
    for (const [i, event] of a.entries()) expect(event.losses.total).toBeCloseTo(b[i].losses.total, 4)
    const expected = state(whole).weights
    for (const [name, { data }] of state(accumulated).weights)
      for (const [i, value] of data.entries()) expect(value, name).toBeCloseTo(expected.get(name)!.data[i], 4)
    for (const toy of [accumulated, whole]) toy.dispose()
  })

  it('learns', async () => {
    const toy = toyStage({ steps: 60 })
    const all = steps(await events(toy))
    const mean = (part: StepEvent[]) => part.reduce((sum, e) => sum + e.losses.total, 0) / part.length
    expect(mean(all.slice(-10))).toBeLessThan(0.5 * mean(all.slice(0, 10)))
    toy.dispose()
  })

  it('updates the teacher once a step when it says so', async () => {
    const toy = toyStage({ epochs: 2, every: 'step' })
    await events(toy)
    expect(toy.teacher.updates).toBe(6)
    toy.dispose()
  })

  it('applies only the transforms of its stage, and clips', async () => {
    const elsewhere = new ToyNoise(['another'])
    const toy = toyStage({ epochs: 1, transforms: [elsewhere, new ToyNoise(['toy'])] })
    toy.options.optimizer.clipNorm = 1e-3
    const all = steps(await events(toy))
    expect(elsewhere.observed).toBe(0)
    // The norm that is told is the one before clipping.
    expect(all[0].gradientNorm).toBeGreaterThan(1e-2)
    toy.dispose()
  })

  it('keeps the number of tensors constant over 200 steps, and leaves none behind', async () => {
    const before = memory().numTensors
    const toy = toyStage({ steps: 200, validate: { every: 5, run: async () => score(0.5) } })
    const all = steps(await events(toy))
    expect(all).toHaveLength(200)
    expect(new Set(all.map((e) => e.tensors)).size).toBe(1)
    toy.dispose()
    expect(memory().numTensors).toBe(before)
  })

  it.each([0, 2])('holds at most ahead + 1 batches (ahead = %i) and none at the end', async (ahead) => {
    const made: WeakRef<object>[] = []
    let done = 0
    let most = 0
    const prepare: BatchPart['prepare'] = (draft) => {
      made.push(new WeakRef(draft.arrays[batchKeys.image]))
      most = Math.max(most, made.length - done)
    }
    const toy = toyStage({ steps: 12, ahead })
    toy.options.loader = { ...toy.options.loader, parts: [{ prepare }] }
    toy.options.forward = (step) => {
      done++
      return toyLoss(step)
    }
    await events(toy)
    expect(most).toBe(ahead + 1)
    expect(made.length).toBeGreaterThanOrEqual(24)
    const held = () => made.filter((ref) => ref.deref() !== undefined).length
    for (let attempt = 0; attempt < 60 && held() > 0; attempt++) {
      await later(attempt)
      gc()
    }
    expect(held()).toBe(0)
    toy.dispose()
  })

  it('is cold', async () => {
    const toy = toyStage({ steps: 2 })
    const before = memory().numTensors
    train(toy.context, toy.options)
    await later(5)
    expect(memory().numTensors).toBe(before)
    toy.dispose()
  })
})

describe('train, stopped and resumed', () => {
  it.each(['microBatch', 'step'] as const)('gives the same weights and teacher bit for bit (teacher updated every %s)', async (every) => {
    const straight = toyStage({ steps: 20, every, dir: join(folder, `straight-${every}`) })
    const expected = await events(straight)

    const dir = join(folder, `resumed-${every}`)
    const first = toyStage({ steps: 20, every, dir })
    const before = await lastValueFrom(
      train(first.context, first.options).pipe(
        tap((event) => {
          if (event.type === 'step' && event.step === 10) first.stop.abort()
        }),
        toArray(),
      ),
    )
    expect(before.slice(-2)).toEqual([
      { type: 'checkpoint', stage: 'toy', kind: 'last', step: 10, file: join(dir, 'last.safetensors') },
      { type: 'note', stage: 'toy', message: 'stopped after step 10 of 20' },
    ])
    first.dispose()

    const after = await resumed({ steps: 20, every, dir })
    expect(after.all[0]).toMatchObject({ type: 'stage-start', resumedAt: 10, steps: 20 })
    expect(state(after.toy)).toEqual(state(straight))
    const comparable = (all: RunEvent[]) => steps(all).map(({ seconds: _, tensors: __, coefficients, ...rest }) => ({ ...rest, factor: coefficients.factor }))
    expect([...comparable(before), ...comparable(after.all)]).toEqual(comparable(expected))
    for (const toy of [straight, after.toy]) toy.dispose()
  })

  it('goes on from the last good checkpoint after an error, bit for bit', async () => {
    const straight = toyStage({ steps: 20, dir: join(folder, 'no-error') })
    await events(straight)
    const dir = join(folder, 'error')
    let calls = 0
    const broken = toyStage({
      steps: 20,
      dir,
      checkpointEvery: 4,
      forward(step) {
        // In the middle of the window of the 15th step.
        if (++calls === 29) throw new Error('broken step')
        return toyLoss(step)
      },
    })
    await expect(events(broken)).rejects.toThrow('broken step')
    broken.dispose()
    const after = await resumed({ steps: 20, dir })
    expect(after.all[0]).toMatchObject({ resumedAt: 12 })
    expect(state(after.toy)).toEqual(state(straight))
    for (const toy of [straight, after.toy]) toy.dispose()
  })

  it('unsubscribing in a step finishes it, saves, and leaves no tensor', async () => {
    const dir = join(folder, 'unsubscribed')
    const tensors = memory().numTensors
    const toy = toyStage({ steps: 20, dir })
    let seen = 0
    let calls = 0
    const forward: typeof toyLoss = (step) => {
      calls++
      return toyLoss(step)
    }
    const subscription = train(toy.context, { ...toy.options, forward }).subscribe((event) => {
      if (event.type === 'step') seen = event.step
    })
    while (calls < 11) await later()
    subscription.unsubscribe()
    const unheard = seen
    while (!(await toy.checkpoints.load('last'))) await later(2)
    await later(20)
    const saved = await toy.checkpoints.load('last')
    expect(saved?.state.step).toBe(calls / 2)
    expect(saved?.state.step).toBeLessThan(20)
    expect(seen).toBe(unheard)
    toy.dispose()
    expect(memory().numTensors).toBe(tensors)

    const straight = toyStage({ steps: 20, dir: join(folder, 'straight') })
    await events(straight)
    const after = await resumed({ steps: 20, dir })
    expect(state(after.toy)).toEqual(state(straight))
    for (const each of [straight, after.toy]) each.dispose()
  })

  it('take(n) saves too', async () => {
    const toy = toyStage({ steps: 20, dir: join(folder, 'take') })
    await lastValueFrom(train(toy.context, toy.options).pipe(take(4)))
    while (!(await toy.checkpoints.load('last'))) await later(2)
    expect((await toy.checkpoints.load('last'))?.state).toMatchObject({ stage: 'toy', step: 3 })
    toy.dispose()
  })

  it('of a finished stage does nothing more', async () => {
    const dir = join(folder, 'finished')
    const toy = toyStage({ steps: 6, dir })
    await events(toy)
    const after = await resumed({ steps: 6, dir })
    expect(after.all.map((e) => e.type)).toEqual(['stage-start', 'stage-end'])
    expect(state(after.toy)).toEqual(state(toy))
    for (const each of [toy, after.toy]) each.dispose()
  })

  /** A new process would do the same: a model of the same seed, with everything from the checkpoint. */
  async function resumed(o: Parameters<typeof toyStage>[0]) {
    const toy = toyStage(o)
    const resume = await toy.checkpoints.load('last')
    if (!resume) throw new Error('no checkpoint')
    toy.parameters.load(resume.weights, { strict: true })
    toy.context = { ...toy.context, resume }
    return { toy, all: await events(toy) }
  }
})

const broken = (): never => {
  throw new Error('broken')
}

describe('train, when something is wrong', () => {
  it.each<[string, (toy: Toy) => void]>([
    [
      'a step',
      (toy) => {
        toy.options.forward = (step) => {
          toyLoss(step)
          throw new Error('broken')
        }
      },
    ],
    [
      'a gradient transform',
      (toy) => {
        toy.options.transforms = [{ name: 'x', apply: broken }]
      },
    ],
    [
      'an observer',
      (toy) => {
        toy.options.transforms = [{ name: 'x', observe: broken, apply: () => ({}) }]
      },
    ],
    [
      'the images',
      (toy) => {
        toy.options.loader = { ...toy.options.loader, images: { size: 2, load: () => Promise.reject(new Error('broken')) } }
      },
    ],
    [
      'a validation',
      (toy) => {
        toy.options.validate = { every: 1, run: () => Promise.reject(new Error('broken')) }
      },
    ],
  ])('an error in %s ends the stage and leaves no tensor', async (_, breakIt) => {
    const before = memory().numTensors
    const toy = toyStage({ epochs: 2 })
    breakIt(toy)
    await expect(events(toy)).rejects.toThrow('broken')
    toy.dispose()
    expect(memory().numTensors).toBe(before)
  })

  it('a loss that is not finite ends the stage and leaves the last checkpoint alone', async () => {
    const dir = join(folder, 'nan')
    const before = memory().numTensors
    let calls = 0
    const toy = toyStage({
      steps: 20,
      dir,
      checkpointEvery: 5,
      forward(step) {
        const loss = toyLoss(step)
        return ++calls < 14 ? loss : { ...loss, total: mul(loss.total, Number.NaN) as Scalar }
      },
    })
    await expect(events(toy)).rejects.toMatchObject({ code: 'GRADIENT_NONFINITE', message: expect.stringMatching(/toy: the loss of step 7 .*total NaN/) })
    expect((await toy.checkpoints.load('last'))?.state.step).toBe(5)
    toy.dispose()
    expect(memory().numTensors).toBe(before)
  })

  it('a gradient that is not finite changes no weight', async () => {
    const toy = toyStage({
      epochs: 1,
      transforms: [
        {
          name: 'x',
          apply: (gradients) => {
            for (const [name, g] of gradients) gradients.set(name, mul(g, Number.POSITIVE_INFINITY))
            return {}
          },
        },
      ],
    })
    const before = state(toy).weights
    await expect(events(toy)).rejects.toMatchObject({ code: 'GRADIENT_NONFINITE' })
    expect(state(toy).weights).toEqual(before)
    toy.dispose()
  })

  const breaking = (broken: (at: number) => boolean) => ({
    size: 2,
    load: async (image: Parameters<typeof toyImages.load>[0]) => {
      if (broken(Number((image as { file: string }).file))) throw new UniDiagError('IMAGE_UNREADABLE', 'truncated')
      return toyImages.load(image)
    },
  })

  it('a broken image costs one sample, is told once, and the run goes on', async () => {
    const toy = toyStage({ epochs: 3 })
    toy.options.loader = { ...toy.options.loader, images: breaking((at) => at === 4) }
    const all = await events(toy)
    expect(all.filter((e) => e.type === 'sample-lost')).toEqual([{ type: 'sample-lost', stage: 'toy', id: 's4', reason: 'truncated' }])
    expect(steps(all)).toHaveLength(9)
    expect(steps(all).reduce((sum, e) => sum + e.samples, 0)).toBe(30)
    toy.dispose()
  })

  it('a window without samples is passed over; positions and schedule stay', async () => {
    const toy = toyStage({ epochs: 1, batchSize: 1, n: 4 })
    // The first two samples of the epoch, whichever they are.
    const order = toy.random.rng('shuffle', 'toy', 0).permutation(4).slice(0, 2)
    toy.options.loader = { ...toy.options.loader, images: breaking((at) => order.includes(at)) }
    expect(steps(await events(toy)).map((e) => [e.step, e.steps])).toEqual([[2, 2]])
    toy.dispose()
  })

  it('an epoch without samples is an error', async () => {
    const toy = toyStage({ epochs: 2 })
    toy.options.loader = { ...toy.options.loader, images: breaking(() => true) }
    const seen: RunEvent[] = []
    await expect(lastValueFrom(train(toy.context, toy.options).pipe(tap((e) => seen.push(e))))).rejects.toMatchObject({ code: 'NO_SAMPLES' })
    expect(seen.filter((e) => e.type === 'sample-lost')).toHaveLength(11)
    toy.dispose()
  })

  it('no samples at all is an error', async () => {
    const toy = toyStage({ samples: toySamples(0) })
    await expect(events(toy)).rejects.toMatchObject({ code: 'NO_SAMPLES' })
    toy.dispose()
  })
})

describe('train, validating', () => {
  const validated = async (values: number[], o: Parameters<typeof toyStage>[0] = {}) => {
    const seen: { epoch: number; weights: ReturnType<typeof state>['weights'] }[] = []
    const toy = toyStage({
      epochs: 5,
      validate: {
        every: 2,
        run: async (epoch) => {
          seen.push({ epoch, weights: state(toy).weights })
          return score(values[seen.length - 1])
        },
      },
      ...o,
    })
    return { toy, seen, all: await events(toy) }
  }

  it('scores every n epochs and at the end, and keeps the best', async () => {
    const { toy, seen, all } = await validated([0.2, 0.6, 0.4], { dir: join(folder, 'best'), restoreBest: true })
    expect(seen.map((s) => s.epoch)).toEqual([2, 4, 5])
    const told = all.filter((e) => e.type === 'score' || e.type === 'checkpoint').map((e) => (e.type === 'score' ? ['score', e.epoch] : [e.kind, e.step]))
    expect(told).toEqual([
      ['score', 2],
      ['best', 6],
      ['score', 4],
      ['best', 12],
      ['score', 5],
      ['last', 15],
    ])
    expect((await toy.checkpoints.load('best'))?.state.best).toEqual({ value: 0.6, step: 12 })
    expect(state(toy).weights).toEqual(seen[1].weights)
    expect((await toy.checkpoints.load('last'))?.weights).toEqual(seen[2].weights)
    toy.dispose()
  })

  it('keeps the best in memory when the run has no folder', async () => {
    const { toy, seen, all } = await validated([0.6, 0.2, 0.2], { restoreBest: true })
    expect(all.some((e) => e.type === 'checkpoint')).toBe(false)
    expect(state(toy).weights).toEqual(seen[0].weights)
    toy.dispose()
  })

  it('ends with the last weights otherwise', async () => {
    const { toy, seen } = await validated([0.6, 0.2, 0.2])
    expect(state(toy).weights).toEqual(seen[2].weights)
    toy.dispose()
  })

  it('makes up for a validation that a stop had cut off', async () => {
    const dir = join(folder, 'cut')
    const toy = toyStage({ epochs: 4, dir, validate: { every: 2, run: async () => score(0.5) } })
    await lastValueFrom(
      train(toy.context, toy.options).pipe(
        tap((event) => {
          if (event.type === 'step' && event.step === 6) toy.stop.abort()
        }),
      ),
    )
    const resume = await toy.checkpoints.load('last')
    expect(resume?.state).toEqual({ stage: 'toy', step: 6, validated: 0 })
    const again = toyStage({ epochs: 4, dir, validate: { every: 2, run: async () => score(0.5) } })
    again.context = { ...again.context, ...(resume && { resume }) }
    const all = await events(again)
    expect(all.filter((e) => e.type === 'score').map((e) => e.epoch)).toEqual([2, 4])
    expect(all[1].type).toBe('score')
    for (const each of [toy, again]) each.dispose()
  })
})

const sameValues = (a: ReturnType<typeof state>['weights'], b: typeof a): boolean =>
  [...a].every(([name, { data }]) => data.every((x, i) => x === b.get(name)?.data[i]))
