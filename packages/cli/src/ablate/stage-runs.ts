import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { compose } from '@unidiag/core/compose'
import { GradientTransform } from '@unidiag/core/contracts/gradient-transform'
import { Stage } from '@unidiag/core/contracts/stage'
import { UniDiagError } from '@unidiag/core/errors'
import { atomicWrite } from '@unidiag/core/io/atomic-write'
import type { AnyPlugin } from '@unidiag/core/plugin'
import { jsonl } from '@unidiag/core/sinks/jsonl'
import { progress } from '@unidiag/core/sinks/progress'
import type { Token } from '@unidiag/core/token'
import { init } from '@unidiag/weights/init'
import { followRun } from '../follow-run.js'
import { lastPart } from '../known-entries.js'
import { withPlugin } from '../with-plugin.js'
import { claimFolder } from './claim-folder.js'

/** Ctrl-C: the run in progress has saved a checkpoint. */
export class Stopped extends Error {}

/**
 * Runs compositions, and what they have in common once. What a stage leaves to the next are weights: its optimiser ends with it, a teacher starts anew with
 * the next stage, tokenizer and answers follow from the data, and random numbers from seed, stage and position. So a stage that begins with the
 * weights of another run's end does the same as in one run.
 */
export class StageRuns {
  readonly #out: string
  readonly #name: string
  readonly #runs = new Map<string, Promise<void>>()

  /** @param out folder of all runs; what is common goes to `<out>/shared` */
  constructor(out: string, name: string) {
    this.#out = out
    this.#name = name
  }

  /**
   * Runs a composition in a folder of its own, from where an earlier one was stopped; does nothing when it has ended before.
   * @throws UniDiagError RESUME_MISMATCH when the folder holds a run of something else, FILE_UNWRITABLE when another process runs it @throws Stopped
   */
  run(folder: string, plugins: readonly AnyPlugin[], seed: number): Promise<void> {
    const run = this.#runs.get(folder) ?? this.#run(folder, plugins, seed)
    this.#runs.set(folder, run)
    return run
  }

  async #run(folder: string, plugins: readonly AnyPlugin[], seed: number): Promise<void> {
    const id = fingerprint(plugins, seed)
    const marker = join(folder, 'finished.json')
    if (existsSync(marker)) {
      if (JSON.parse(await readFile(marker, 'utf8')).id === id) return
      throw new UniDiagError('RESUME_MISMATCH', `${folder} holds a run of another config`, { fix: 'Choose another --out, or remove the folder.' })
    }
    const composed = await this.#fromShared(plugins, seed)
    const shown = withPlugin(withPlugin(composed, progress({ everyShare: 0.2, everySeconds: 60 })), jsonl())
    const giveUp = await claimFolder(folder)
    try {
      const pipeline = await compose({ plugins: shown, seed, out: folder, name: this.#name })
      try {
        if ((await followRun(pipeline, { resume: existsSync(join(folder, 'last.safetensors')) })) === 'stopped') throw new Stopped('stopped by Ctrl-C')
      } finally {
        await pipeline.close()
      }
    } finally {
      await giveUp()
    }
    await atomicWrite(marker, (file) => file.writeFile(`${JSON.stringify({ id })}\n`))
  }

  /** The composition with weights in place of the stages before the last one, which are run if nobody has. */
  async #fromShared(plugins: readonly AnyPlugin[], seed: number): Promise<readonly AnyPlugin[]> {
    const stages = plugins.filter(isStage)
    const earlier = stages.slice(0, -1)
    if (earlier.every(({ definition }) => definition.name === init.definition.name)) return plugins
    const [last] = stages.slice(-1)
    const before = plugins.filter((plugin) => plugin !== last && !isOnlyFor(plugin, lastPart(last.definition.name)))
    const names = earlier.map(({ definition }) => lastPart(definition.name)).join('+')
    const folder = join(this.#out, 'shared', `${names}-${fingerprint(before).slice(0, 8)}`, `seed-${seed}`)
    await this.run(folder, before, seed)
    const weights = init({ files: [{ file: join(folder, 'last.safetensors'), kind: 'm3ae' }] })
    return plugins.flatMap((plugin) => (plugin === earlier[0] ? [weights] : earlier.includes(plugin) ? [] : [plugin]))
  }
}

/** A gradient transform that leaves the stages before alone, as it says itself. */
function isOnlyFor({ definition, options }: AnyPlugin, stage: string): boolean {
  if (definition.provides !== (GradientTransform as Token<unknown>)) return false
  const { stages } = (definition.options.safeParse(options).data ?? {}) as { stages?: readonly string[] }
  return stages?.every((name) => name === stage) ?? false
}

const isStage = ({ definition }: AnyPlugin): boolean => definition.provides === (Stage as Token<unknown>)

function fingerprint(plugins: readonly AnyPlugin[], seed?: number): string {
  const composition = plugins.map(({ definition, options }) => [definition.name, options])
  return createHash('sha256').update(JSON.stringify({ composition, seed })).digest('hex')
}
