import { existsSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { Backend } from '@unidiag/core/backend/backend'
import { type Checkpoint, loadCheckpoint } from '@unidiag/core/checkpoint'
import { compose } from '@unidiag/core/compose'
import { Dataset } from '@unidiag/core/contracts/dataset'
import { Fusion, ImageEncoder, type Pooling, TextEncoder } from '@unidiag/core/contracts/encoders'
import { ImageLoader } from '@unidiag/core/contracts/image-loader'
import { Objective } from '@unidiag/core/contracts/objective'
import { Stage } from '@unidiag/core/contracts/stage'
import { Task } from '@unidiag/core/contracts/task'
import { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { UniDiagError } from '@unidiag/core/errors'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import type { Pipeline } from '@unidiag/core/pipeline'
import type { AnyPlugin } from '@unidiag/core/plugin'
import type { Need, Token } from '@unidiag/core/token'
import { robertaBpe } from '@unidiag/encoders/roberta-bpe'
import { wordpiece } from '@unidiag/encoders/wordpiece'
import { prepareConfig } from './config.js'
import { withBackend } from './with-plugin.js'

export interface Restored {
  readonly pipeline: Pipeline
  readonly checkpoint: Checkpoint
  readonly settings: TuningSettings
}

/** What the stage that tuned the task decided about its inputs; an evaluation has to do the same. */
export interface TuningSettings {
  readonly pooling: Pooling
  readonly maxLength?: number
  readonly batchSize: number
  readonly dataset?: string
}

/**
 * Makes the model and task of a checkpoint again: the plugins of its saved config that they need, with its tokenizer, answers and weights.
 * @param path a checkpoint, or the folder of a run (its `best` weights when it has them)
 * @param data whether the data sets are needed too
 * @throws UniDiagError CHECKPOINT_INVALID, CHECKPOINT_MISMATCH, DATA_MISSING
 */
export async function restore(
  path: string,
  { data, set = [], backend }: { data: boolean; set?: readonly string[]; backend?: string | undefined },
): Promise<Restored> {
  const file = checkpointFile(path)
  const checkpoint = await loadCheckpoint(file, { weightsOnly: true })
  const { plugins, seed } = await prepareConfig(checkpoint.config, file, set)
  const needed = pluginsFor(
    [Backend, Tokenizer, ImageEncoder, TextEncoder, Fusion, ImageLoader, Task, ...(data ? [Dataset] : [])],
    plugins.map((plugin) => withMeaning(plugin, checkpoint)),
  )
  const pipeline = await compose({ plugins: withBackend(needed, backend), seed })
  try {
    pipeline.get(ParameterStore).load(checkpoint.weights, { strict: true, from: file })
    const tokenizer = pipeline.get(Tokenizer)
    if (tokenizer.fingerprint !== checkpoint.meaning.tokenizer)
      throw new UniDiagError('CHECKPOINT_MISMATCH', `${file} was trained with another tokenizer than the one that was found`, {
        fix: 'Keep tokenizer.json beside the checkpoint it was saved with.',
      })
  } catch (error) {
    await pipeline.close()
    throw error
  }
  return { pipeline, checkpoint, settings: tuningSettings(plugins) }
}

/** The file of a checkpoint, or the weights of a run folder: the best when it has them. @throws UniDiagError CHECKPOINT_INVALID */
export function checkpointFile(path: string): string {
  if (!existsSync(path))
    throw new UniDiagError('CHECKPOINT_INVALID', `there is no checkpoint at ${resolve(path)}`, {
      fix: 'Give a .safetensors file of a run, or the folder of a run.',
    })
  if (!statSync(path).isDirectory()) return path
  const found = ['best.safetensors', 'last.safetensors'].map((name) => join(path, name)).find((file) => existsSync(file))
  if (found) return found
  throw new UniDiagError('CHECKPOINT_INVALID', `${resolve(path)} holds no best.safetensors and no last.safetensors`, { fix: 'Give the folder of a run.' })
}

/** The plugins that provide these tokens, and those that they need in turn. */
export function pluginsFor(tokens: readonly Token<never>[] | readonly Token<unknown>[], plugins: readonly AnyPlugin[]): AnyPlugin[] {
  const wanted = new Set<Token<unknown>>(tokens as readonly Token<unknown>[])
  for (let size = -1; size !== wanted.size; ) {
    size = wanted.size
    for (const { definition } of plugins) {
      if (!wanted.has(definition.provides)) continue
      for (const need of Object.values(definition.needs ?? {}) as Need[]) {
        const token = 'kind' in need ? need.token : need
        // Data sets are there when they are asked for: a prediction does without.
        if (token !== (Dataset as Token<unknown>)) wanted.add(token)
      }
    }
  }
  return plugins.filter(({ definition }) => wanted.has(definition.provides))
}

/** A tokenizer trained by the run comes from the file it saved, a task gets its state back. */
function withMeaning(plugin: AnyPlugin, { file, meaning }: Checkpoint): AnyPlugin {
  const { definition, options } = plugin
  if (definition.provides === (Tokenizer as Token<unknown>)) {
    const saved = join(dirname(file), 'tokenizer.json')
    if (!existsSync(saved)) return plugin
    return definition.name === wordpiece.definition.name ? wordpiece({ file: saved }) : robertaBpe({ file: saved })
  }
  const { state } = (meaning.task ?? {}) as { state?: unknown }
  if (definition.provides === (Task as Token<unknown>) && state !== undefined) {
    const restored = { ...(options as object), state }
    if (definition.options.safeParse(restored).success) return Object.freeze({ definition, options: restored })
  }
  return plugin
}

/** Those of the last stage that says how features are pooled; without one (pre-training only), features are pooled as image-text matching pooled them. */
function tuningSettings(plugins: readonly AnyPlugin[]): TuningSettings {
  const optionsOf = (token: Token<never> | Token<unknown>): Partial<TuningSettings>[] =>
    plugins.filter(({ definition }) => definition.provides === token).map(({ options }) => options as Partial<TuningSettings>)
  const pools = ({ pooling }: Partial<TuningSettings>): boolean => pooling !== undefined
  return { pooling: optionsOf(Objective).find(pools)?.pooling ?? 'mean-non-pad', batchSize: 16, ...optionsOf(Stage).findLast(pools) }
}
