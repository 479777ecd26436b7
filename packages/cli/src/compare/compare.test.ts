import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Score } from '@unidiag/core/contracts/task'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compareRuns } from './compare-runs.js'
import { describeComparison } from './describe-comparison.js'
import { readRun } from './read-run.js'

const credits = { plain: [1, 1, 0, 0, 0, 0, 0, 0], coordinated: [1, 0, 1, 1, 1, 1, 1, 0], 'seed-1': [1, 1, 1, 0, 0, 0, 0, 0] }

function score(of: readonly number[], split: string, splitHash = 'abc'): Score {
  const value = of.reduce((a, b) => a + b) / of.length
  return {
    primary: 'overall',
    metrics: { overall: { value, interval: [0, 1], n: of.length } },
    credits: { metric: 'overall', bySample: Object.fromEntries(of.map((credit, i) => [`q${i}`, credit])) },
    protocol: { task: 'vqa', dataset: 'toy', synthetic: true, split, splitHash, samples: of.length, lost: 0, details: {} },
  }
}

describe('compare', () => {
  let dir: string
  const at = (name: string) => join(dir, name)
  const write = async (name: string, seed: number, option: number, scores: readonly Score[]) => {
    await mkdir(at(name))
    await writeFile(at(join(name, 'config.json')), JSON.stringify({ seed, out: at(name), plugins: [{ 'fine-tune': { option } }], versions: { node: name } }))
    const events = [{ type: 'run-start' }, ...scores.map((found, i) => ({ type: 'score', stage: 'fine-tune', epoch: i, score: found }))]
    await writeFile(at(join(name, 'events.jsonl')), events.map((event) => `${JSON.stringify(event)}\n`).join(''))
  }
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'unidiag-compare-'))
    await write('plain', 0, 1, [score([0, 0], 'val'), score(credits.plain, 'test')])
    await write('coordinated', 0, 2, [score(credits.coordinated, 'test')])
    await write('seed-1', 1, 1, [score(credits['seed-1'], 'test')])
    await write('other', 0, 1, [score(credits.plain, 'test', 'def')])
  })
  afterAll(() => rm(dir, { recursive: true }))
  const compare = async (names: string[], split?: string) => compareRuns(await Promise.all(names.map((name) => readRun(at(name), split))))

  it('puts runs side by side, sums seeds up, and tests differences on the same samples', async () => {
    const found = await compare(['plain', 'coordinated', 'seed-1'])
    expect(found.runs.map(({ seed, metrics }) => [seed, metrics.overall.value])).toEqual([
      [0, 2 / 8],
      [0, 6 / 8],
      [1, 3 / 8],
    ])
    expect(found.overSeeds).toMatchObject([{ folders: [at('plain'), at('seed-1')], seeds: [0, 1], metrics: { overall: { n: 2, mean: 2.5 / 8 } } }])
    expect(found.paired).toMatchObject([
      { second: at('coordinated'), metric: 'overall', n: 8, difference: 4 / 8, onlyFirst: 1, onlySecond: 5, p: expect.closeTo(14 / 64, 10) },
      { second: at('seed-1'), difference: 1 / 8, onlyFirst: 0, onlySecond: 1, p: expect.closeTo(1, 10) },
    ])
    const text = describeComparison(found).join('\n')
    expect(text).toContain('vqa on toy (synthetic data), split test (abc), 8 scored')
    expect(text).toMatch(/overall mean 31\.3 %, standard deviation 8\.8 %/)
    expect(text).toMatch(/overall \+50\.0 points \(95 % interval [+-]\d+\.\d to \+\d+\.\d, paired bootstrap, n = 8\)/)
    expect(text).toContain("McNemar's test 0.2188")
  })

  it('takes the split that it is told', async () => {
    expect((await readRun(at('plain'), 'val')).score.protocol.samples).toBe(2)
    await expect(readRun(at('seed-1'), 'val')).rejects.toMatchObject({ code: 'DATA_MISSING', fix: expect.stringContaining('test') })
  })

  it('refuses runs that were scored on other samples, and folders that hold no run', async () => {
    await expect(compare(['plain', 'other'])).rejects.toMatchObject({ code: 'OPTION_INVALID', message: expect.stringContaining('splitHash') })
    await expect(compare(['plain', 'nowhere'])).rejects.toMatchObject({ code: 'DATA_MISSING' })
    await writeFile(at('other/events.jsonl'), '{"type"')
    await expect(compare(['other'])).rejects.toMatchObject({ code: 'DATA_MALFORMED', message: expect.stringContaining('line 1') })
  })
})
