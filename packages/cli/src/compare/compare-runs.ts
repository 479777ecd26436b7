import type { Metric, Protocol } from '@unidiag/core/contracts/task'
import { UniDiagError } from '@unidiag/core/errors'
import { Random } from '@unidiag/core/random'
import { comparePaired, type PairedComparison } from '@unidiag/tasks/comparison'
import { type OverSeeds, overSeeds } from '@unidiag/tasks/over-seeds'
import type { ScoredRun } from './read-run.js'

export interface RunComparison {
  readonly protocol: Protocol
  readonly runs: readonly { readonly folder: string; readonly seed: number; readonly primary: string; readonly metrics: Readonly<Record<string, Metric>> }[]
  /** Runs of the same config with several seeds. */
  readonly overSeeds: readonly {
    readonly folders: readonly string[]
    readonly seeds: readonly number[]
    readonly metrics: Readonly<Record<string, OverSeeds>>
  }[]
  /** The first run against each of the others, on the samples that both scored. */
  readonly paired: readonly ({ readonly first: string; readonly second: string; readonly metric: string } & PairedComparison)[]
}

/** Compares runs that were scored alike. @throws UniDiagError OPTION_INVALID when task, data set, split or samples differ */
export function compareRuns(runs: readonly ScoredRun[]): RunComparison {
  const [first, ...others] = runs
  const { protocol } = first.score
  for (const { folder, score } of others) {
    const differing = (['task', 'dataset', 'split', 'splitHash'] as const).find((key) => score.protocol[key] !== protocol[key])
    if (!differing) continue
    const [theirs, ours] = [score.protocol[differing], protocol[differing]]
    throw new UniDiagError('OPTION_INVALID', `${folder} and ${first.folder} were not scored alike: their ${differing} is ${theirs} and ${ours}`, {
      fix: 'Compare runs of one task on one split; choose it with --split.',
    })
  }
  return {
    protocol,
    runs: runs.map(({ folder, seed, score: { primary, metrics } }) => ({ folder, seed, primary, metrics })),
    overSeeds: groupedByExperiment(runs).map((group) => ({
      folders: group.map(({ folder }) => folder),
      seeds: group.map(({ seed }) => seed),
      metrics: Object.fromEntries(
        Object.keys(group[0].score.metrics)
          .filter((name) => group.every(({ score }) => score.metrics[name]))
          .map((name) => [name, overSeeds(group.map(({ score }) => score.metrics[name].value))]),
      ),
    })),
    paired: others.flatMap((second) => pair(first, second)),
  }
}

/** Runs of one config with more than one seed; the same seed twice is the same run twice. */
function groupedByExperiment(runs: readonly ScoredRun[]): ScoredRun[][] {
  const groups = new Map<string, Map<number, ScoredRun>>()
  for (const run of runs) {
    const group = groups.get(run.experiment) ?? new Map<number, ScoredRun>()
    groups.set(run.experiment, group.set(run.seed, run))
  }
  return [...groups.values()].filter(({ size }) => size > 1).map((group) => [...group.values()])
}

function pair(first: ScoredRun, second: ScoredRun): RunComparison['paired'] {
  const [a, b] = [first.score.credits, second.score.credits]
  if (!a || !b || a.metric !== b.metric) return []
  const ids = Object.keys(a.bySample).filter((id) => Object.hasOwn(b.bySample, id))
  if (ids.length === 0) return []
  const [ours, theirs] = [a, b].map(({ bySample }) => ids.map((id) => bySample[id]))
  const compared = comparePaired(ours, theirs, new Random(0).rng('compare'))
  return [{ first: first.folder, second: second.folder, metric: a.metric, ...compared }]
}
