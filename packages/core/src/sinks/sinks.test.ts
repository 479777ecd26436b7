import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Score } from '../contracts/task.js'
import type { RunEvent, StepEvent } from '../events.js'
import { describeEvent } from './describe-event.js'
import { describeScore } from './describe-score.js'
import { describeTables } from './describe-tables.js'
import { duration } from './format.js'
import { jsonl } from './jsonl.js'
import { Progress } from './progress.js'

const score: Score = {
  primary: 'overall',
  metrics: { open: { value: 0.5, interval: [0.25, 0.75], n: 20 }, overall: { value: 0.6254, interval: [0.551, 0.6934], n: 200 } },
  protocol: {
    task: 'vqa',
    dataset: 'phantoms',
    synthetic: true,
    split: 'test',
    splitHash: '0123456789abcdef0123',
    samples: 200,
    lost: 1,
    details: { vocabularySize: 1234, vocabularySource: 'train', unproducibleShare: 0.034567 },
  },
}
const start: RunEvent = {
  type: 'run-start',
  at: '2026-01-01T00:00:00Z',
  out: 'runs/a',
  seed: 3,
  backend: 'wasm',
  stages: ['tune'],
  parameters: 12345,
  resumed: false,
}
const stageStart = (steps: number, resumedAt = 0): RunEvent => ({
  type: 'stage-start',
  stage: 'tune',
  samples: 480,
  steps,
  epochs: 3,
  batchSize: 16,
  resumedAt,
})
const step = (n: number, steps: number, more: Partial<StepEvent> = {}): StepEvent => ({
  type: 'step',
  stage: 'tune',
  step: n,
  steps,
  epoch: 1,
  losses: { mim: 0.25, total: 1 / 3 },
  learningRate: 1e-5,
  gradientNorm: 1,
  coefficients: { kText: 0.9 },
  samples: 16,
  seconds: 0.5,
  tensors: 10,
  ...more,
})

class Screen extends Writable {
  readonly isTTY: boolean
  readonly columns = 200
  text = ''

  constructor(isTTY: boolean) {
    super()
    this.isTTY = isTTY
  }

  override _write(chunk: unknown, _: BufferEncoding, done: () => void): void {
    this.text += String(chunk)
    done()
  }

  get lines(): string[] {
    return this.text.trimEnd().split('\n')
  }
}

it('describeTables aligns columns', () => {
  const classes = {
    columns: ['class', 'support', 'auc'],
    rows: [
      ['Y2H', 1200, 0.98765],
      ['other', 7, ''],
    ],
  }
  expect(describeTables({ ...score, tables: { byClass: classes } })).toEqual([
    '',
    'by class:',
    'class  support     auc',
    'Y2H      1,200  0.9877',
    'other        7        ',
  ])
  expect(describeTables(score)).toEqual([])
})

describe('describeEvent', () => {
  it.each<[RunEvent, string[]]>([
    [start, ['tune; 12,345 parameters on wasm, seed 3', 'files go to runs/a']],
    [stageStart(90), ['tune: 480 samples in batches of 16, 90 steps in 3 epochs']],
    [stageStart(90, 7), ['tune: 480 samples in batches of 16, 90 steps in 3 epochs, from step 7']],
    [{ type: 'sample-lost', stage: 'tune', id: 'q7', reason: 'a.png is truncated' }, ['tune: sample q7 is left out: a.png is truncated']],
    [{ type: 'checkpoint', stage: 'tune', kind: 'best', step: 4, file: 'runs/a/best.safetensors' }, ['tune: best so far, saved to runs/a/best.safetensors']],
    [{ type: 'checkpoint', stage: 'tune', kind: 'last', step: 4, file: 'runs/a/last.safetensors' }, []],
    [{ type: 'note', stage: 'tune', message: 'stopped after step 4 of 9' }, ['tune: stopped after step 4 of 9']],
    [{ type: 'stage-end', stage: 'tune', steps: 90, seconds: 75 }, ['tune: done in 1 min 15 s']],
    [{ type: 'run-end', at: '', seconds: 4000, out: 'runs/a' }, ['done in 1 h 6 min; files are in runs/a']],
    [step(1, 2), []],
  ])('%j', (event, lines) => {
    expect(describeEvent(event)).toEqual(lines)
  })

  it('shows a score with interval, n and protocol, and says when the data is invented', () => {
    expect(describeEvent({ type: 'score', stage: 'tune', epoch: 3, score })).toEqual([
      'tune, after epoch 3:',
      '  overall 62.5 % (95 % interval 55.1 to 69.3, n = 200)',
      '  open 50.0 % (95 % interval 25.0 to 75.0, n = 20)',
      '  measured as: vqa on phantoms (synthetic data), split test (0123456789ab); 200 scored; 1 lost; vocabulary size 1,234; vocabulary source train; unproducible share 0.03457',
    ])
  })

  it('shows metrics that are no fractions as numbers', () => {
    const [line] = describeScore({ ...score, metrics: { overall: { value: 12.34567, interval: [11, 13.5], n: 9 } } })
    expect(line).toBe('overall 12.35 (95 % interval 11 to 13.5, n = 9)')
  })
})

describe('duration', () => {
  it.each([
    [0.04, '0.0 s'],
    [9.5, '9.5 s'],
    [59.4, '59 s'],
    [3599, '59 min 59 s'],
    [7260, '2 h 1 min'],
  ])('%d s', (seconds, text) => {
    expect(duration(seconds)).toBe(text)
  })
})

describe('Progress without a terminal', () => {
  it('writes a line about every 5 % of the steps, with means, throughput, time left and coefficients', () => {
    const screen = new Screen(false)
    const sink = new Progress(screen, {}, () => 0)
    for (const event of [start, stageStart(100)]) sink.next(event)
    for (let n = 1; n <= 100; n++) sink.next(step(n, 100, { losses: { mim: n, total: 2 * n } }))
    sink.next({ type: 'stage-end', stage: 'tune', steps: 100, seconds: 50 })
    const shown = screen.lines.slice(3)
    expect(shown).toHaveLength(22)
    expect(shown[0]).toBe('tune 1/100: loss total 2, mim 1 | kText 0.9 | 32 samples/s | 50 s left')
    expect(shown[1]).toBe('tune 6/100: loss total 8, mim 4 | kText 0.9 | 32 samples/s | 47 s left')
    expect(shown.at(-2)).toBe('tune 100/100: loss total 197, mim 98.5 | kText 0.9 | 32 samples/s')
    expect(shown.at(-1)).toBe('tune: done in 50 s')
    // Nothing that only a terminal understands.
    expect(screen.text).not.toContain('\u001b')
  })

  it('writes after ten seconds when steps are slow', () => {
    const screen = new Screen(false)
    let now = 0
    const sink = new Progress(screen, {}, () => now)
    sink.next(stageStart(10_000))
    for (let n = 1; n <= 9; n++) {
      now += 4000
      sink.next(step(n, 10_000))
    }
    expect(screen.lines.slice(1).map((line) => line.split(':')[0])).toEqual(['tune 1/10000', 'tune 4/10000', 'tune 7/10000'])
  })
})

describe('Progress on a terminal', () => {
  it('draws a bar with losses, throughput, time left and coefficients, and other lines above it', () => {
    const screen = new Screen(true)
    const sink = new Progress(screen)
    for (const event of [start, stageStart(4), step(1, 4), step(2, 4)]) sink.next(event)
    sink.next({ type: 'sample-lost', stage: 'tune', id: 'q7', reason: 'truncated' })
    sink.next(step(3, 4))
    sink.next({ type: 'stage-end', stage: 'tune', steps: 4, seconds: 2 })
    expect(screen.text).toContain('tune ███████████████░░░░░ 3/4 loss total 0.3333, mim 0.25 | kText 0.9 | 32 samples/s | 0.5 s left')
    expect(screen.text.indexOf('sample q7 is left out')).toBeGreaterThan(0)
    expect(screen.text.indexOf('sample q7 is left out')).toBeLessThan(screen.text.lastIndexOf('███'))
    expect(screen.text.trimEnd().endsWith('tune: done in 2.0 s')).toBe(true)
  })

  it('can be told to write lines', () => {
    const screen = new Screen(true)
    const sink = new Progress(screen, { style: 'lines' })
    for (const event of [stageStart(1), step(1, 1)]) sink.next(event)
    expect(screen.text).not.toContain('█')
  })

  it('gives the terminal back when a run is cut off', () => {
    const screen = new Screen(true)
    const sink = new Progress(screen)
    for (const event of [stageStart(4), step(1, 4)]) sink.next(event)
    sink.close()
    // Cursor shown again, nothing scheduled.
    expect(screen.text).toContain('\u001b[?25h')
    const after = screen.text
    sink.close()
    expect(screen.text).toBe(after)
  })
})

describe('jsonl', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'unidiag-jsonl-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  const write = async (out: string, resumed: boolean, events: RunEvent[]) => {
    const { definition, options } = jsonl()
    const sink = await definition.setup({ needs: {} as never, options: definition.options.parse(options) })
    for (const event of [{ ...start, out, resumed } as RunEvent, ...events]) sink.next(event)
    return sink
  }
  const read = async (out: string) =>
    (await readFile(join(out, 'events.jsonl'), 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))

  it('writes every event at once; a resumed run appends, a new one starts anew', async () => {
    const out = join(folder, 'deep', 'run')
    const first = await write(out, false, [step(1, 2), { type: 'score', stage: 'tune', epoch: 1, score }])
    // Before it is closed: a killed run has its log.
    expect(await read(out)).toEqual([{ ...start, out }, step(1, 2), { type: 'score', stage: 'tune', epoch: 1, score }])
    await first.close?.()
    await (await write(out, true, [step(2, 2)])).close?.()
    expect((await read(out)).map((e) => e.type)).toEqual(['run-start', 'step', 'score', 'run-start', 'step'])
    await (await write(out, false, [])).close?.()
    expect(await read(out)).toHaveLength(1)
  })

  it('writes nothing for a run without a folder', async () => {
    const sink = await write('', false, [step(1, 1)])
    await sink.close?.()
  })
})
