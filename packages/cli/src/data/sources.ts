import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { UniDiagError } from '@unidiag/core/errors'
import type { AnyPlugin } from '@unidiag/core/plugin'
import { images } from '@unidiag/datasets/images'
import { loadConfig, prepareConfig } from '../config.js'
import { knownEntries, lastPart } from '../known-entries.js'

/** Plugins of a config file, or of a data set that is named with its folder. */
export interface Source {
  readonly plugins: readonly AnyPlugin[]
  readonly seed: number
}

interface SourceOptions {
  readonly set?: readonly string[]
  /** Side of the images where a data set is named. */
  readonly size?: number
}

/** Whether a word of the command line names a data set rather than a file. */
export const namesDataset = (word: string): boolean => knownEntries.some((entry) => entry.startsWith('@unidiag/datasets/') && lastPart(entry) === word)

/** @throws UniDiagError DATA_MISSING when there is no such folder */
export async function checkFolder(dir: string): Promise<void> {
  const folder = await stat(dir).catch(() => undefined)
  if (!folder?.isDirectory()) throw new UniDiagError('DATA_MISSING', `there is no folder ${resolve(dir)}`, { fix: 'Give the folder of the official release.' })
}

/** @throws UniDiagError OPTION_INVALID, CONFIG_UNREADABLE, PLUGIN_UNKNOWN, DATA_MISSING */
export async function sourceOf(what: string, dir: string | undefined, { set = [], size }: SourceOptions): Promise<Source> {
  if (!namesDataset(what)) {
    if (dir !== undefined) throw new UniDiagError('OPTION_INVALID', `${dir}: a config needs no folder beside it`, { fix: 'Give the config alone.' })
    return loadConfig(what, { set })
  }
  if (dir === undefined) throw new UniDiagError('OPTION_INVALID', `${what} needs its folder`, { fix: `Write: ${what} <folder>.` })
  if (size === undefined) throw new UniDiagError('OPTION_INVALID', 'the size of the images is not known', { fix: 'Add `--size`, or give a config.' })
  await checkFolder(dir)
  const { plugins, seed } = await prepareConfig({ plugins: [{ [what]: { dir: resolve(dir) } }] }, resolve('config.yaml'), set)
  return { plugins: [...plugins, images({ size })], seed }
}
