import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Random } from '@unidiag/core/random'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Ended, unidiag } from './command.js'
import type { KillPoint } from './configs/kill-switch.js'
import { checkpointOf, eventsOf, scratch, told } from './run-folder.js'

const config = fileURLToPath(new URL('configs/killed.ts', import.meta.url))
const path = scratch()
const whole = path('whole')
beforeAll(async () => {
  const ended = await unidiag(['run', config, '--out', whole])
  expect(ended, ended.err).toMatchObject({ code: 0 })
})

it('trains with all that a resume has to restore: objectives, teacher, dropout, GM-Coord', async () => {
  const { plugins } = JSON.parse(await readFile(join(whole, 'config.json'), 'utf8')) as { plugins: Record<string, Record<string, unknown>>[] }
  const options = Object.assign({}, ...plugins)
  expect(options).toMatchObject({
    '@unidiag/encoders/roberta': { dropout: 0.1 },
    '@unidiag/encoders/co-attention': { dropout: 0.1 },
    '@unidiag/pretrain/ema-teacher': {},
    '@unidiag/pretrain/mr-pretrain': { checkpointEvery: 1, objectives: ['mim', 'mlm', 'feaMim', 'feaMlm', 'itm'] },
    '@unidiag/tuning/gm-coord': { noise: 'both' },
    '@unidiag/tuning/fine-tune': { checkpointEvery: 1 },
  })
})

/** Goes on with a run until it is killed at a point, or to its end. */
const goOn = (out: string, point?: KillPoint): Promise<Ended> =>
  unidiag(['run', config, '--out', out, '--resume'], { env: { UNIDIAG_TEST_KILL: point ? JSON.stringify(point) : '' } })

/** A run that is killed at each of the points in turn, and then let go to its end. */
async function killedAt(name: string, points: readonly KillPoint[]): Promise<string> {
  const out = path(name)
  for (const point of points) {
    const { signal, err } = await goOn(out, point)
    expect(signal, `${JSON.stringify(point)} ${err}`).toBe('SIGKILL')
    // Whatever the process was doing: what is there can be read.
    for (const kind of ['last', 'best'] as const) if (existsSync(join(out, `${kind}.safetensors`))) await checkpointOf(out, kind)
  }
  const { code, err } = await goOn(out)
  expect(code, err).toBe(0)
  return out
}

async function expectSameEnd(out: string): Promise<void> {
  for (const kind of ['last', 'best'] as const) {
    const [a, b] = [await checkpointOf(whole, kind), await checkpointOf(out, kind)]
    expect(Object.keys(a.tensors).length).toBeGreaterThan(100)
    expect(b).toEqual(a)
  }
  const [a, b] = [await eventsOf(whole), await eventsOf(out)]
  expect(told(b, 'score').at(-1)).toEqual(told(a, 'score').at(-1))
  // Steps after the last checkpoint before a kill are done twice, to the same numbers.
  const numbers = (events: typeof a) => new Map(told(events, 'step').map(({ seconds, tensors, ...step }) => [`${step.stage} ${step.step}`, step]))
  expect(numbers(b)).toEqual(numbers(a))
}

describe('a run of all stages that is killed', () => {
  it('at steps drawn at random, ends with the same weights to the last bit', async () => {
    const rng = new Random(2026).rng('kills')
    // Steps of the whole run, one in each of its stages of 6, 3 and 4; the step that was just done is done again.
    const steps = [2 + rng.int(5), 8 + rng.int(2), 11 + rng.int(3)]
    const out = await killedAt(
      'steps',
      steps.map((step, i) => ({ event: 'step', count: i === 0 ? step : step - steps[i - 1] + 1 })),
    )
    await expectSameEnd(out)
    const resumed = told(await eventsOf(out), 'stage-start').filter(({ resumedAt }) => resumedAt > 0)
    expect(resumed.map(({ stage }) => stage)).toEqual(['mr-pretrain', 'td-calib', 'fine-tune'])
  })

  it('while it writes checkpoints, keeps the one before, and ends the same', async () => {
    await expectSameEnd(
      await killedAt('writing', [
        { writing: 'last', count: 1, bytes: 0 },
        { writing: 'last', count: 8, bytes: 100_000 },
        { writing: 'best', count: 1, bytes: 1000 },
      ]),
    )
  })

  it('between stages, and between the last step and the test, ends the same', async () => {
    await expectSameEnd(
      await killedAt('between', [
        { event: 'stage-end', count: 1 },
        { event: 'score', count: 2 },
        { event: 'stage-end', count: 1 },
      ]),
    )
  })
})
