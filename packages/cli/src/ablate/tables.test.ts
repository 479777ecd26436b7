import type { Score } from '@unidiag/core/contracts/task'
import { describe, expect, it } from 'vitest'
import type { ScoredRun } from '../compare/read-run.js'
import type { Axis } from './lines.js'
import { summarise } from './summary.js'
import { csv, markdown } from './tables.js'

const axis: Axis = {
  name: 'parts',
  lines: [
    { name: 'plain', cells: { Part: '' }, plugins: [] },
    { name: 'with, part', cells: { Part: '✓' }, plugins: [] },
    { name: 'never', cells: { Part: '✓✓' }, plugins: [] },
  ],
}

/** Credits of ten samples; the loss is no share, and has no interval to check. */
function run(seed: number, credits: string, { loss = 1.5, withCredits = true } = {}): ScoredRun {
  const of = [...credits].map(Number)
  const value = of.reduce((a, b) => a + b) / of.length
  const score: Score = {
    primary: 'accuracy',
    metrics: { loss: { value: loss, interval: [1, 2], n: 10 }, accuracy: { value, interval: [0, 1], n: 10 } },
    ...(withCredits && { credits: { metric: 'accuracy', bySample: Object.fromEntries(of.map((credit, i) => [`s${i}`, credit])) } }),
    protocol: { task: 'toy', dataset: 'toys', synthetic: true, split: 'test', splitHash: 'abc', samples: 10, lost: 0, details: {} },
  }
  return { folder: `${seed}`, seed, score, experiment: '' }
}

const summary = (runs: Readonly<Record<string, readonly ScoredRun[]>>, seeds = [0, 1]) =>
  summarise({ name: 'toy', axis, seeds, runs: new Map(Object.entries(runs)), failures: [{ line: 'never', seed: 0, error: 'broke\nat once' }] })

const plain = [run(0, '1111000000', { loss: 12.5 }), run(1, '1111110000', { loss: 13.5 })]
const better = [run(0, '1111111000'), run(1, '1111111000')]

describe('tables', () => {
  const found = summary({ plain, 'with, part': better, never: [] })

  it('holds means, deviations and intervals over seeds, the primary metric first', () => {
    // Mean 0.5, deviation 0.1 sqrt(2), interval 0.5 -+ 12.7062 * 0.1.
    const [first] = found.lines
    expect(Object.keys(first.metrics)).toEqual(['accuracy', 'loss'])
    expect(first.metrics.accuracy.mean).toBeCloseTo(0.5, 10)
    expect(first.metrics.accuracy.deviation).toBeCloseTo(Math.SQRT2 / 10, 10)
    const rows = markdown(found).split('\n')
    expect(rows).toContain('| line | Part | accuracy | loss |')
    expect(rows).toContain('| 1 |  | 50.0 ± 14.1 (-77.1 to 177.1) | 13.00 ± 0.7071 (6.647 to 19.35) |')
    expect(rows).toContain('| 2 | ✓ | 70.0 ± 0.0 (70.0 to 70.0) | 1.500 ± 0.000 (1.500 to 1.500) |')
  })

  it('tests every line against the first, over seeds and over samples', () => {
    const { against } = found.lines[1]
    expect(found.lines[0].against).toBeUndefined()
    expect(against?.overSeeds).toMatchObject({ n: 2, mean: expect.closeTo(0.2, 10), deviation: expect.closeTo(Math.SQRT2 / 10, 10) })
    // Samples 4 and 5 are better in one seed, 6 in both; the means of the others are equal.
    expect(against?.overSamples).toMatchObject({ n: 10, difference: expect.closeTo(0.2, 10), onlyFirst: 0, onlySecond: 3, p: expect.closeTo(0.25, 10) })
    expect(against?.bySeed.map(({ seed, onlySecond, p }) => [seed, onlySecond, Number(p.toFixed(3))])).toEqual([
      [0, 3, 0.25],
      [1, 1, 1],
    ])
    expect(markdown(found)).toMatch(
      /\| 2 \| with, part \| \+20\.0 \| -107\.1 to \+147\.1 \| [+-]\d+\.\d to \+\d+\.\d \| 3 \/ 0 \| 0\.2500 \| 0\.2500, 1\.0000 \|/,
    )
  })

  it('leaves lines without a run out, and tells what broke and how it was measured', () => {
    const text = markdown(found)
    expect(text).not.toContain('✓✓')
    expect(text).toContain('- never, seed 0: broke at once')
    expect(text).toContain('toy on toys (synthetic data), split test (abc); 10 scored')
  })

  it('compares seeds that both lines have, and says where some are missing', () => {
    const one = summary({ plain, 'with, part': [better[1]] })
    expect(one.lines[1].against).toMatchObject({ seeds: [1], overSeeds: { mean: expect.closeTo(0.1, 10) } })
    expect(markdown(one)).toContain('| 2 (1 of 2 seeds) | ✓ | 70.0 | 1.500 |')
    expect(summary({ plain: [plain[0]], 'with, part': [better[1]] }).lines[1].against).toBeUndefined()
  })

  it('goes without tests over samples where a task has no credits', () => {
    const none = summary({ plain: [run(0, '10', { withCredits: false })], 'with, part': [run(0, '11', { withCredits: false })] }, [0])
    expect(none.lines[1].against).toMatchObject({ overSeeds: { mean: 0.5 }, bySeed: [] })
    expect(none.lines[1].against?.overSamples).toBeUndefined()
    expect(markdown(none)).toContain('| 2 | with, part | +50.0 |  |  |  |  |  |')
  })

  it('is CSV with a column for each number', () => {
    const [header, first, second] = csv(found).trim().split('\n')
    expect(header).toMatch(/^line,name,Part,seeds,accuracy mean,accuracy deviation,accuracy low,accuracy high,loss mean,/)
    expect(first).toMatch(/^1,plain,,0 1,0\.5,0\.1414\d*,/)
    expect(second).toMatch(/^2,"with, part",✓,0 1,0\.7,/)
    const fields = header.split(',').length
    expect([first.split(',').length, second.replace(/"[^"]*"/, '').split(',').length]).toEqual([fields, fields])
  })

  it('writes nothing for what one run cannot tell', () => {
    const [, first] = csv(summary({ plain: [plain[0]] }, [0])).split('\n')
    expect(first).toMatch(/^1,plain,,0,0\.4,,,,12\.5,,,,/)
  })
})
