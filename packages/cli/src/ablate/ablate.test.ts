import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadCheckpoint } from '@unidiag/core/checkpoint'
import { compose } from '@unidiag/core/compose'
import { jsonl } from '@unidiag/core/sinks/jsonl'
import { useBackend } from '@unidiag/testing/backends'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { readRun } from '../compare/read-run.js'
import { readConfigItems } from '../config-items.js'
import { makePlugins } from '../plugin-entry.js'
import { ablate } from './ablate.js'
import { ablationAxis, type Line } from './lines.js'
import { Stopped } from './stage-runs.js'

const training = { batchSize: 8, optimizer: { learningRate: 1e-3 } }
const tiny = {
  name: 'tiny',
  plugins: [
    { synthetic: { kind: 'questions', size: 16, samples: { train: 24, val: 8, test: 16 } } },
    { images: { threads: 1 } },
    { 'trained-bpe': { vocabSize: 300 } },
    { 'clip-vit': { imageSize: 16, patchSize: 8, width: 8, heads: 2, blocks: 1 } },
    { roberta: { width: 8, layers: 1, heads: 2, ffn: 16, maxLength: 16, maxPositions: 18 } },
    { 'co-attention': { width: 8, layers: 1, heads: 2 } },
    { vqa: { resamples: 20 } },
    { progress: { everyShare: 1 } },
    ...['random-patch', 'text-mask', 'mim', 'mlm', 'itm', 'ema-teacher'],
    { 'mim-decoder': { width: 8, layers: 1, heads: 2 } },
    { 'fea-mim': { feaDim: 4 } },
    { 'fea-mlm': { feaDim: 4 } },
    { 'mr-pretrain': { ...training, epochs: 1 } },
    { 'td-calib': { ...training, steps: 2 } },
    'gm-coord',
    { 'fine-tune': { ...training, epochs: 2 } },
  ],
}
const from = join(import.meta.dirname, 'tiny.yaml')
const config = readConfigItems(tiny, from)
const parts = ablationAxis(config, 'parts')

useBackend()
let out: string
let said: string[]
beforeAll(async () => {
  // Progress lines of many runs tell a test report nothing.
  vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  out = await mkdtemp(join(tmpdir(), 'unidiag-ablate-'))
})
afterAll(async () => {
  vi.restoreAllMocks()
  await rm(out, { recursive: true })
})

const run = (axis = parts, to = 'parts') => {
  said = []
  return ablate({ config, from, axis, seeds: [3], out: join(out, to), say: (text) => said.push(text) })
}
const pipelineOf = async (line: Line, folder: string) => compose({ plugins: [...(await makePlugins(line.plugins, from)), jsonl()], seed: 3, out: folder })
const events = async (folder: string) =>
  (await readFile(join(folder, 'events.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

describe('ablate', () => {
  it('runs eight lines of which each is what it would be alone, and every stage once', async () => {
    const { lines, failures } = await run()
    expect(failures).toEqual([])
    expect(lines.map(({ cells }) => Object.values(cells).join('.'))).toEqual(['..', '✓..', '.✓.', '..✓', '.✓.✓', '✓..✓', '✓.✓.', '✓.✓.✓'])
    const shared = await readdir(join(out, 'parts/shared'))
    expect(shared.map((name) => name.replace(/-[0-9a-f]{8}$/, '')).sort()).toEqual(['mr-pretrain', 'mr-pretrain+td-calib', 'td-calib'])
    const started = await Promise.all(
      [...shared.map((name) => `shared/${name}`), ...parts.lines.map(({ name }) => name)].map((name) => events(join(out, 'parts', name, 'seed-3'))),
    )
    expect(started.flat().filter(({ type, stage }) => type === 'stage-end' && stage === 'mr-pretrain')).toHaveLength(1)
    expect(started.flat().filter(({ type, stage }) => type === 'stage-end' && stage === 'td-calib')).toHaveLength(2)

    for (const line of parts.lines.filter(({ name }) => ['mr-pretrain+td-calib+gm-coord', 'td-calib', 'plain'].includes(name))) {
      const [alone, here] = [join(out, 'alone', line.name), join(out, 'parts', line.name, 'seed-3')]
      const pipeline = await pipelineOf(line, alone)
      await new Promise<void>((complete, error) => pipeline.run().subscribe({ complete, error }))
      await pipeline.close()
      expect((await readRun(here, undefined)).score).toEqual((await readRun(alone, undefined)).score)
      const [a, b] = await Promise.all([alone, here].map((folder) => loadCheckpoint(join(folder, 'last.safetensors'))))
      expect(a.weights.size).toBeGreaterThan(20)
      expect(b.weights).toEqual(a.weights)
    }
  })

  it('goes on where it was stopped, and runs nothing again that has ended', async () => {
    const [plain] = parts.lines
    const folder = join(out, 'parts/plain/seed-3')
    const before = await readRun(folder, undefined)
    await rm(folder, { recursive: true })
    const pipeline = await pipelineOf(plain, folder)
    await new Promise<void>((stopped, failed) => {
      const running = pipeline.run().subscribe({
        next: (event) => {
          if (event.type !== 'step' || event.step !== 4) return
          running.unsubscribe()
          pipeline.close().then(stopped, failed)
        },
      })
    })
    const whole = join(out, 'parts/mr-pretrain+td-calib+gm-coord/seed-3/events.jsonl')
    const { mtimeMs } = await stat(whole)
    const { lines } = await run()
    expect(lines).toHaveLength(8)
    expect((await events(folder)).filter(({ type }) => type === 'run-start').map(({ resumed }) => resumed)).toEqual([false, true])
    expect((await readRun(folder, undefined)).score).toEqual(before.score)
    expect((await stat(whole)).mtimeMs).toBe(mtimeMs)
  })

  it('refuses what another config has left, and keeps it', async () => {
    const [plain] = parts.lines
    const other = {
      name: 'parts',
      lines: [{ ...plain, plugins: plain.plugins.map((item) => (item.entry.endsWith('vqa') ? { ...item, options: { resamples: 30 } } : item)) }],
    }
    await expect(run(other)).rejects.toMatchObject({ code: 'RESUME_MISMATCH', message: expect.stringContaining('plain') })
    expect((await run({ name: 'parts', lines: [plain] })).lines).toHaveLength(1)
  })

  it('loses a line that breaks, and no other', async () => {
    const { lines, failures } = await run(ablationAxis(config, 'td-calib.steps=-1,1,2'), 'broken')
    expect(lines.map(({ name }) => name)).toEqual(['td-calib.steps=1', 'td-calib.steps=2'])
    expect(failures).toMatchObject([{ line: 'td-calib.steps=-1', seed: 3, error: expect.stringContaining('steps') }])
    expect(said.join('\n')).toContain('td-calib.steps=-1, seed 3, is broken')
    expect(await readFile(join(out, 'broken/td-calib.steps.md'), 'utf8')).toMatch(/## Failed\n\n- td-calib\.steps=-1, seed 3: .*td-calib/)
    // Both begin with the same pre-training.
    expect((await readdir(join(out, 'broken/shared'))).filter((name) => /^mr-pretrain-/.test(name))).toHaveLength(1)
    await expect(run(ablationAxis(config, 'td-calib.steps=-1,-2'), 'broken')).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })
})

it('stops at Ctrl-C, in a stage that lines share, and goes on from there', async () => {
  const write = vi.mocked(process.stdout.write).mockImplementation((text) => {
    if (/^td-calib 1\/2/.test(String(text))) process.listeners('SIGINT').at(-1)!('SIGINT')
    return true
  })
  const axis = { name: 'parts', lines: [parts.lines[2]] }
  await expect(run(axis, 'stopped')).rejects.toBeInstanceOf(Stopped)
  write.mockReturnValue(true)
  const { lines, failures } = await run(axis, 'stopped')
  expect([lines.length, failures]).toEqual([1, []])
  const shared = join(out, 'stopped/shared')
  const told = await events(join(shared, (await readdir(shared))[0], 'seed-3'))
  expect(told.filter(({ type }) => type === 'run-start').map(({ resumed }) => resumed)).toEqual([false, true])
  expect((await readRun(join(out, 'stopped/td-calib/seed-3'), undefined)).score).toEqual((await readRun(join(out, 'parts/td-calib/seed-3'), undefined)).score)
})

it('shares all stages but the last when only that one differs', async () => {
  const { lines } = await run(ablationAxis(config, 'gm-coord.beta=0.1,9'), 'beta')
  expect(lines.map(({ cells }) => cells)).toEqual([{ 'gm-coord.beta': '0.1' }, { 'gm-coord.beta': '9' }])
  const stages = await Promise.all(['0.1', '9'].map((beta) => events(join(out, `beta/gm-coord.beta=${beta}/seed-3`))))
  expect(stages.map((of) => of[0].stages)).toEqual([
    ['init', 'fine-tune'],
    ['init', 'fine-tune'],
  ])
  expect(await readdir(join(out, 'beta/shared'))).toHaveLength(2)
})

describe('ablationAxis', () => {
  it('sets alpha wherever something is reconstructed', () => {
    const { name, lines } = ablationAxis(config, 'alpha=0.1,0.9')
    expect(name).toBe('alpha')
    expect(lines.map((line) => [line.name, line.cells])).toEqual([
      ['alpha=0.1', { alpha: '0.1' }],
      ['alpha=0.9', { alpha: '0.9' }],
    ])
    const alphas = lines[1].plugins.filter(({ options }) => 'alpha' in options).map(({ entry, options }) => [entry, options.alpha])
    expect(alphas).toEqual([
      ['@unidiag/pretrain/mr-pretrain', 0.9],
      ['@unidiag/tuning/td-calib', 0.9],
    ])
  })

  it.each(['alpha', 'alpha=', 'alpha=1,1', '=1', 'fine-tun.steps=1'])('refuses %s', (axis) => {
    expect(() => ablationAxis(config, axis)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })

  it('says which parts are missing', () => {
    const plugins = config.plugins.filter(({ entry }) => !/td-calib|gm-coord/.test(entry))
    expect(() => ablationAxis({ ...config, plugins }, 'parts')).toThrow(/no td-calib and no gm-coord/)
  })
})
