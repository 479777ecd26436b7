import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DataId, engine, memory, mul, type Scalar } from '@tensorflow/tfjs-core'
import { describeBackends } from '@unidiag/testing/backends'
import { lastValueFrom, take, tap, toArray } from 'rxjs'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { toyImages, toyLoss, toyStage } from '../test/toy.js'
import type { Score } from './contracts/task.js'
import { UniDiagError } from './errors.js'
import type { RunEvent, StepEvent } from './events.js'
import type { Step } from './step.js'
import { train } from './train.js'

type Toy = ReturnType<typeof toyStage>
const later = (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms))
const steps = (all: RunEvent[]) => all.filter((e): e is StepEvent => e.type === 'step')
/** Without what differs from run to run anyway. */
const comparable = (all: RunEvent[]) => all.map((event) => ('seconds' in event ? { ...event, seconds: 0 } : event))
const state = (toy: Toy) => ({ weights: toy.parameters.export(), teacher: toy.parameters.export((p) => toy.teacher.values.get(p.name)) })
const score: Score = {
  primary: 'accuracy',
  metrics: { accuracy: { value: 0.5, interval: [0, 1], n: 4 } },
  protocol: { task: 't', dataset: 'd', synthetic: true, split: 'val', splitHash: '', samples: 4, lost: 0, details: {} },
}

/** A part of what `runsAhead` tells of. */
interface Ahead {
  runsAhead?(): boolean
  read(id: DataId): Promise<unknown>
  readSync(id: DataId): unknown
}

describeBackends('numbers of a step', (name) => {
  let folder: string
  let backend: Ahead
  let own: Pick<Ahead, 'read' | 'readSync'>
  beforeAll(async () => {
    backend = engine().backend as unknown as Ahead
    own = { read: backend.read, readSync: backend.readSync }
    folder = await mkdtemp(join(tmpdir(), 'unidiag-late-'))
  })
  const atOnce = () => {
    Object.assign(backend, own)
    delete backend.runsAhead
  }
  afterEach(atOnce)
  afterAll(() => rm(folder, { recursive: true }))

  /** The backend gives values that are read some time after they were asked for. */
  const runAhead = () => {
    backend.runsAhead = () => true
    backend.read = (id) => {
      const values = backend.readSync(id)
      return later(3).then(() => values)
    }
  }

  /** Events, how many forward passes and which state each step had behind it when it was told of, and the state at the end. */
  const run = async (ahead: boolean, change: (toy: Toy) => void = () => {}, o: Parameters<typeof toyStage>[0] = {}) => {
    if (ahead) runAhead()
    else atOnce()
    const before = memory().numTensors
    const toy = toyStage({ epochs: 4, ...o })
    let passes = 0
    const { forward } = toy.options
    toy.options.forward = (step) => {
      passes++
      return forward(step)
    }
    change(toy)
    const all: RunEvent[] = []
    const behind: number[] = []
    const states: ReturnType<typeof state>[] = []
    let error: unknown
    await lastValueFrom(
      train(toy.context, toy.options).pipe(
        tap((event) => {
          all.push(event)
          if (event.type !== 'step') return
          behind.push(passes)
          states.push(state(toy))
        }),
      ),
    ).catch((thrown) => {
      error = thrown
    })
    const after = state(toy)
    toy.dispose()
    return { all, behind, states, state: after, error, left: memory().numTensors - before }
  }

  const broken: Toy['options']['loader']['images'] = {
    size: 2,
    load: async (image) => {
      if ((image as { file: string }).file === '4') throw new UniDiagError('IMAGE_UNREADABLE', 'truncated')
      return toyImages.load(image)
    },
  }

  it.each(['step', 'microBatch'] as const)('change nothing by being late: events, losses, weights, teacher (updated every %s)', async (every) => {
    const change = (toy: Toy) => {
      toy.options.optimizer.clipNorm = 0.5
      toy.options.loader = { ...toy.options.loader, images: broken }
    }
    const options = { every, checkpointEvery: 2, validate: { every: 2, run: async () => score } }
    const once = await run(false, change, { ...options, dir: join(folder, `once-${every}`) })
    const late = await run(true, change, { ...options, dir: join(folder, `late-${every}`) })
    const named = (all: RunEvent[]) => comparable(all).map((event) => (event.type === 'checkpoint' ? { ...event, file: '' } : event))
    expect(named(late.all)).toEqual(named(once.all))
    expect(late.state).toEqual(once.state)
    expect(once.error ?? late.error).toBeUndefined()
    expect([once.left, late.left]).toEqual([0, 0])
  })

  it('come when the next step is queued, and all before a checkpoint and the end of an epoch', async () => {
    // Windows of two micro-batches, three steps an epoch; a step is told of with two passes behind it, or, late, with four.
    const options = { checkpointEvery: 4, dir: join(folder, 'order') }
    expect((await run(false, undefined, options)).behind).toEqual([2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24])
    expect((await run(true, undefined, options)).behind).toEqual([4, 6, 6, 8, 12, 12, 16, 16, 18, 22, 24, 24])
  })

  it.each(['step', 'microBatch'] as const)(
    'that are not finite leave weights and teacher as they were, at once and late (teacher updated every %s)',
    async (every) => {
      const { states } = await run(false, undefined, { every })
      for (const ahead of [false, true]) {
        let calls = 0
        const spoil = (toy: Toy) => {
          const { forward } = toy.options
          toy.options.forward = (step: Step) => {
            const loss = forward(step)
            // The first micro-batch of the eighth step.
            return ++calls === 15 ? { ...loss, total: mul(loss.total, Number.NaN) as Scalar } : loss
          }
        }
        const dir = join(folder, `nan-${every}-${ahead}`)
        const found = await run(ahead, spoil, { every, dir, checkpointEvery: 5 })
        expect(found.error).toMatchObject({
          code: 'GRADIENT_NONFINITE',
          message: expect.stringMatching(/^toy: the loss of step 8 is not finite \(match [\d.e-]+, one [\d.e-]+, total NaN\)/),
        })
        expect(steps(found.all).map((e) => e.step)).toEqual([1, 2, 3, 4, 5, 6, 7])
        expect(found.all.filter((e) => e.type === 'checkpoint').map((e) => e.step)).toEqual([5])
        // Late, the ninth step was queued before it was known.
        expect(calls).toBe(ahead ? 18 : 16)
        expect(found.state).toEqual(states[6])
        expect(found.left).toBe(0)
      }
    },
  )

  it('a gradient that is not finite changes nothing either, late', async () => {
    let untouched: ReturnType<typeof state> | undefined
    let calls = 0
    const found = await run(
      true,
      (toy) => {
        toy.options.transforms = [
          {
            name: 'x',
            apply: (gradients) => {
              if (++calls !== 2) return {}
              untouched = state(toy)
              for (const [name, gradient] of gradients) gradients.set(name, mul(gradient, Number.POSITIVE_INFINITY))
              return {}
            },
          },
        ]
      },
      { every: 'step' },
    )
    expect(found.error).toMatchObject({ code: 'GRADIENT_NONFINITE', message: 'toy: the gradient of step 2 is not finite' })
    expect(calls).toBe(3)
    expect(found.state).toEqual(untouched)
    expect(found.left).toBe(0)
  })

  it('of the step before are told when a step fails', async () => {
    const outcome = async (ahead: boolean) => {
      let calls = 0
      const { all, error, left } = await run(ahead, (toy) => {
        const { forward } = toy.options
        toy.options.forward = (step) => {
          if (++calls === 10) throw new Error('broken')
          return forward(step)
        }
      })
      expect(error).toMatchObject({ message: 'broken' })
      expect(left).toBe(0)
      // The tensors are counted when it is told, here in the middle of a step.
      return comparable(all).map((event) => ({ ...event, tensors: 0 }))
    }
    expect(await outcome(true)).toEqual(await outcome(false))
  })

  it('are all told of when a run is stopped, and what is saved goes on bit for bit', async () => {
    runAhead()
    const dir = join(folder, 'stopped')
    const first = toyStage({ steps: 12, dir })
    const before = await lastValueFrom(
      train(first.context, first.options).pipe(
        tap((event) => {
          if (event.type === 'step' && event.step === 4) first.stop.abort()
        }),
        toArray(),
      ),
    )
    // The fifth was queued.
    expect(steps(before).map((e) => e.step)).toEqual([1, 2, 3, 4, 5])
    expect(before.slice(-2)).toMatchObject([
      { type: 'checkpoint', step: 5 },
      { type: 'note', message: 'stopped after step 5 of 12' },
    ])
    first.dispose()
    const straight = toyStage({ steps: 12 })
    await lastValueFrom(train(straight.context, straight.options))
    const second = toyStage({ steps: 12, dir })
    const resume = (await second.checkpoints.load('last'))!
    second.parameters.load(resume.weights, { strict: true })
    second.context = { ...second.context, resume }
    await lastValueFrom(train(second.context, second.options))
    expect(state(second)).toEqual(state(straight))
    for (const toy of [straight, second]) toy.dispose()
  })

  it('of a step that nobody heard of are waited for before the state is saved', async () => {
    runAhead()
    for (const spoiled of [false, true]) {
      const tensors = memory().numTensors
      let calls = 0
      const dir = join(folder, `unheard-${spoiled}`)
      const toy = toyStage({
        steps: 12,
        dir,
        forward: (step) => (++calls === 4 && spoiled ? { total: mul(toyLoss(step).total, Number.NaN) as Scalar, parts: {} } : toyLoss(step)),
      })
      // The start and the first step, with which the second is queued.
      await lastValueFrom(train(toy.context, toy.options).pipe(take(2)))
      for (let i = 0; i < 40 && !(await toy.checkpoints.load('last')); i++) await later(5)
      expect((await toy.checkpoints.load('last'))?.state.step).toBe(spoiled ? undefined : 2)
      toy.dispose()
      expect(memory().numTensors).toBe(tensors)
    }
  })

  it('are read once a step; where the device skips steps by itself, nothing else is', async () => {
    const toy = toyStage({ epochs: 4 })
    toy.options.optimizer.clipNorm = 0.5
    let [reads, others, inside] = [0, 0, false]
    backend.read = (id) => {
      reads++
      inside = true
      const coming = own.read.call(backend, id)
      inside = false
      return coming
    }
    backend.readSync = (id) => {
      if (!inside) others++
      return own.readSync.call(backend, id)
    }
    const all = await lastValueFrom(train(toy.context, toy.options).pipe(toArray()))
    expect(steps(all)).toHaveLength(12)
    expect(reads).toBe(12)
    // The others look at the norm, and at whether to skip the step, where they are: that is no wait for a device.
    if (name === 'torch') expect(others).toBe(0)
    toy.dispose()
  })
})
