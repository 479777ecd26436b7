import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Fault } from './fault.js'

/** Names under which splits are known. */
const SPLITS: Readonly<Record<string, string>> = { train: 'train', val: 'val', valid: 'val', validation: 'val', dev: 'val', test: 'test' }
const ORDER = ['train', 'val', 'test']

/** The split that a file or folder is named for: `train.csv`, `validation-00000-of-00002.parquet`, `test_7.tar`. */
export const splitOf = (name: string): string | undefined => SPLITS[/^[a-z]+/i.exec(name)?.[0].toLowerCase() ?? '']

/**
 * Files of a folder (or of its folder `data`) by split, in the order of their names. Files of a split without a name of its own are left alone; none at all
 * is a fault.
 */
export async function findSplitFiles(dir: string, extensions: readonly string[], faults: Fault[]): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>()
  for (const folder of [dir, join(dir, 'data')]) {
    const names = await readdir(folder).catch(() => [])
    for (const name of names.sort()) {
      const split = extensions.some((extension) => name.toLowerCase().endsWith(extension)) ? splitOf(name) : undefined
      if (split) found.set(split, [...(found.get(split) ?? []), join(folder, name)])
    }
    if (found.size > 0) break
  }
  if (found.size === 0) faults.push({ code: 'DATA_MISSING', file: dir, reason: `looked for train, val or test with ${extensions.join(', ')}; none is there` })
  return new Map(ORDER.flatMap((split) => (found.has(split) ? [[split, found.get(split)!]] : [])))
}
