import { join } from 'node:path'
import { atomicWrite } from '@unidiag/core/io/atomic-write'
import type { AnyPlugin } from '@unidiag/core/plugin'
import { readRun, type ScoredRun } from '../compare/read-run.js'
import type { ConfigItems } from '../config-items.js'
import { makePlugins } from '../plugin-entry.js'
import { withBackend } from '../with-plugin.js'
import type { Axis } from './lines.js'
import { StageRuns, Stopped } from './stage-runs.js'
import { type AblationSummary, type Failure, summarise } from './summary.js'
import { csv, markdown } from './tables.js'

export interface AblateOptions {
  readonly config: ConfigItems
  /** The config file; packages are looked up from there first. */
  readonly from: string
  readonly axis: Axis
  readonly seeds: readonly number[]
  /** Folder of the runs `<line>/seed-<n>` and of the tables `<axis>.md`, `.csv`, `.json`. */
  readonly out: string
  readonly backend?: string | undefined
  /** Hears how far it is. */
  say(text: string): void
}

/**
 * Runs every line with every seed and writes the tables anew after each. What has been run in `out` before is not run again; a line that breaks costs that
 * line and is told in the tables.
 * @throws Stopped @throws what the first line broke with, when none could be run
 */
export async function ablate({ config, from, axis, seeds, out, backend, say }: AblateOptions): Promise<AblationSummary> {
  const compositions = new Map<string, readonly AnyPlugin[]>()
  for (const line of axis.lines) compositions.set(line.name, withBackend(await makePlugins(line.plugins, from), backend))
  const stageRuns = new StageRuns(out, config.name)
  const runs = new Map<string, ScoredRun[]>(axis.lines.map(({ name }) => [name, []]))
  const failures: Failure[] = []
  const causes: unknown[] = []
  const summary = (): AblationSummary => summarise({ name: config.name, axis, seeds, runs, failures })
  const total = seeds.length * axis.lines.length
  let count = 0
  for (const seed of seeds)
    for (const { name } of axis.lines) {
      say(`\n[${++count}/${total}] ${name}, seed ${seed}`)
      const folder = join(out, name, `seed-${seed}`)
      try {
        await stageRuns.run(folder, compositions.get(name)!, seed)
        runs.get(name)!.push(await readRun(folder, undefined))
      } catch (error) {
        if (error instanceof Stopped) throw error
        causes.push(error)
        failures.push({ line: name, seed, error: (error as Error).message })
        say(`${name}, seed ${seed}, is broken: ${(error as Error).message}`)
      }
      await writeTables(join(out, axis.name), summary())
    }
  if (causes.length === total) throw causes[0]
  return summary()
}

async function writeTables(path: string, summary: AblationSummary): Promise<void> {
  const files = { md: markdown(summary), csv: csv(summary), json: `${JSON.stringify(summary, null, 2)}\n` }
  for (const [kind, text] of Object.entries(files)) await atomicWrite(`${path}.${kind}`, (file) => file.writeFile(text))
}
