import type { Protocol } from '@unidiag/core/contracts/task'
import { Random } from '@unidiag/core/random'
import { comparePaired, type PairedComparison } from '@unidiag/tasks/comparison'
import { type OverSeeds, overSeeds } from '@unidiag/tasks/over-seeds'
import { compareRuns } from '../compare/compare-runs.js'
import type { ScoredRun } from '../compare/read-run.js'
import type { Axis } from './lines.js'

/** A line that could not be run with a seed. */
export interface Failure {
  readonly line: string
  readonly seed: number
  readonly error: string
}

export interface LineSummary {
  readonly name: string
  readonly cells: Readonly<Record<string, string>>
  readonly seeds: readonly number[]
  /** The primary metric first. */
  readonly metrics: Readonly<Record<string, OverSeeds & { readonly values: readonly number[] }>>
  /** Against the first line, seed by seed; not in the first line itself. */
  readonly against?: Comparison
}

export interface Comparison {
  readonly metric: string
  readonly seeds: readonly number[]
  /** Differences of the metric between runs of one seed. */
  readonly overSeeds: OverSeeds
  /**
   * The same samples, each with its mean credit over the seeds; `p` is that of the sign test over samples. Not there when the task has no credit by sample.
   */
  readonly overSamples?: PairedComparison
  /** One seed each: McNemar's test. */
  readonly bySeed: readonly (PairedComparison & { readonly seed: number })[]
}

export interface AblationSummary {
  readonly name: string
  readonly axis: string
  readonly seeds: readonly number[]
  readonly protocol: Protocol | undefined
  readonly lines: readonly LineSummary[]
  readonly failures: readonly Failure[]
}

export interface AblationRuns {
  readonly name: string
  readonly axis: Axis
  readonly seeds: readonly number[]
  /** Runs by the name of their line. */
  readonly runs: ReadonlyMap<string, readonly ScoredRun[]>
  readonly failures: readonly Failure[]
}

/** Sums an ablation up. Lines without a run are left out. @throws UniDiagError OPTION_INVALID when runs were not scored alike */
export function summarise({ name, axis, seeds, runs, failures }: AblationRuns): AblationSummary {
  const lines = axis.lines.flatMap((line, i) => {
    const own = runs.get(line.name) ?? []
    if (own.length === 0) return []
    const first = i === 0 ? undefined : compareWithFirst(runs.get(axis.lines[0].name) ?? [], own)
    return [{ name: line.name, cells: line.cells, seeds: own.map(({ seed }) => seed), metrics: metricsOf(own), ...(first && { against: first }) }]
  })
  const protocol = [...runs.values()].flat().at(0)?.score.protocol
  return { name, axis: axis.name, seeds, protocol, lines, failures }
}

function metricsOf(runs: readonly ScoredRun[]): LineSummary['metrics'] {
  const { primary, metrics } = runs[0].score
  const names = [primary, ...Object.keys(metrics).filter((name) => name !== primary)].filter((name) => runs.every(({ score }) => score.metrics[name]))
  return Object.fromEntries(
    names.map((name) => {
      const values = runs.map(({ score }) => score.metrics[name].value)
      return [name, { ...overSeeds(values), values }]
    }),
  )
}

function compareWithFirst(first: readonly ScoredRun[], own: readonly ScoredRun[]): Comparison | undefined {
  const pairs = own.flatMap((run) => first.filter(({ seed }) => seed === run.seed).map((other) => [other, run] as const))
  if (pairs.length === 0) return undefined
  const metric = pairs[0][0].score.primary
  const bySeed = pairs.flatMap(([a, b]) =>
    compareRuns([a, b]).paired.map(({ first: _first, second: _second, metric: _metric, ...found }) => ({ seed: b.seed, ...found })),
  )
  const overSamples = compareMeans(pairs)
  return {
    metric,
    seeds: pairs.map(([, { seed }]) => seed),
    overSeeds: overSeeds(pairs.map(([a, b]) => b.score.metrics[metric].value - a.score.metrics[metric].value)),
    ...(overSamples && { overSamples }),
    bySeed,
  }
}

/** Compares mean credits over seeds, of the samples that all the runs scored. */
function compareMeans(pairs: readonly (readonly [ScoredRun, ScoredRun])[]): PairedComparison | undefined {
  const credits = [0, 1].map((side) => pairs.map((pair) => pair[side].score.credits?.bySample))
  const all = credits.flat()
  if (!all.every((bySample) => bySample !== undefined)) return undefined
  const ids = Object.keys(all[0]).filter((id) => all.every((bySample) => Object.hasOwn(bySample, id)))
  if (ids.length === 0) return undefined
  const [first, second] = credits.map((runs) => ids.map((id) => runs.reduce((sum, bySample) => sum + bySample![id], 0) / runs.length))
  return comparePaired(first, second, new Random(0).rng('ablate'))
}
