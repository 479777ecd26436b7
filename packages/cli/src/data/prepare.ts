import { join } from 'node:path'
import { compose } from '@unidiag/core/compose'
import { Dataset } from '@unidiag/core/contracts/dataset'
import { ImageEncoder } from '@unidiag/core/contracts/encoders'
import { ImageLoader } from '@unidiag/core/contracts/image-loader'
import { Stage } from '@unidiag/core/contracts/stage'
import { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { UniDiagError } from '@unidiag/core/errors'
import type { AnyPlugin } from '@unidiag/core/plugin'
import type { Token } from '@unidiag/core/token'
import { type Manifest, prepareDataset } from '@unidiag/datasets/prepare'
import { pluginsFor } from '../restore.js'
import { type DecodeSpeed, measureDecoding } from './decode-speed.js'
import type { Source } from './sources.js'

export interface PrepareSettings {
  readonly out: string
  /** Found out from the stages when left out. */
  readonly pixels?: 'square' | 'whole'
  readonly imagesPerShard: number
  readonly replace: boolean
  /** Name of the only data set that is prepared. */
  readonly dataset?: string
  /** Images of each data set that are timed. */
  readonly measure?: number
  progress?(dataset: string, done: number, of: number): void
}

/** What became of one data set. */
export interface PreparedSet {
  readonly dataset: string
  readonly dir: string
  readonly written: number
  readonly manifest: Manifest
  readonly speed?: DecodeSpeed
}

const provides = <T>({ definition }: AnyPlugin, token: Token<T>): boolean => definition.provides === (token as Token<unknown>)
const optionsOf = (plugin: AnyPlugin): Record<string, unknown> => {
  const parsed = plugin.definition.options.safeParse(plugin.options)
  return (parsed.success ? parsed.data : plugin.options) as Record<string, unknown>
}

/** The plugins that data sets, images and texts need; the image encoder only where it alone says how large images are. */
export function needed(plugins: readonly AnyPlugin[]): AnyPlugin[] {
  const sized = plugins.some((plugin) => provides(plugin, ImageLoader) && optionsOf(plugin).size !== undefined)
  return pluginsFor([Dataset, ImageLoader, Tokenizer, ...(sized ? [] : [ImageEncoder])] as readonly Token<unknown>[], plugins)
}

/**
 * Prepares the data sets of a config, each in a folder of its name.
 * @throws UniDiagError OPTION_INVALID, DATA_STALE, FILE_UNWRITABLE, and what setting up the data sets throws
 */
export async function prepare({ plugins, seed }: Source, settings: PrepareSettings): Promise<PreparedSet[]> {
  const { out, imagesPerShard, replace, dataset: only, measure, progress } = settings
  const pipeline = await compose({ plugins: needed(plugins), seed })
  try {
    const all = pipeline.getAll(Dataset)
    const chosen = all.filter(({ name }) => only === undefined || name === only)
    if (chosen.length === 0)
      throw new UniDiagError('OPTION_INVALID', only === undefined ? 'the config has no data set' : `the config has no data set "${only}"`, {
        fix: all.length > 0 ? `Use one of: ${all.map(({ name }) => name).join(', ')}.` : 'Add one to the config.',
      })
    const loader = pipeline.get(ImageLoader)
    const tokenizer = plugins.some((plugin) => provides(plugin, Tokenizer)) ? pipeline.get(Tokenizer) : undefined
    const crops = loader.ahead?.augments === true && plugins.some((plugin) => provides(plugin, Stage) && optionsOf(plugin).augment === true)
    const cut = settings.pixels ?? (crops ? 'whole' : 'square')
    const done: PreparedSet[] = []
    for (const dataset of chosen) {
      const dir = join(out, dataset.name)
      const told = (shard: number, of: number): void => progress?.(dataset.name, shard, of)
      const { manifest, written } = await prepareDataset(dataset, { out: dir, loader, cut, tokenizer, imagesPerShard, replace, progress: told })
      const speed = measure === undefined ? undefined : await measureDecoding(dataset, dir, loader, measure)
      done.push({ dataset: dataset.name, dir, written, manifest, ...(speed && { speed }) })
    }
    return done
  } finally {
    await pipeline.close()
  }
}
