import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { cacheDir } from './cache-dir.js'
import { locked } from './lock.js'

// A large download over a slow line.
const LONGEST_MS = 6 * 3_600_000

/**
 * Fills a folder of the cache, as a whole or not at all: `fill` works in a folder beside it, which then takes its name. What a killed
 * installation left has another name, so no one takes it for good, and the next installation clears it away.
 * @param name of the folder in the cache @returns its path
 */
export async function installFolder(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const target = join(cacheDir(), name)
  mkdirSync(dirname(target), { recursive: true })
  await locked(`${target}.lock`, () => replace(target, fill), LONGEST_MS)
  return target
}

async function replace(target: string, fill: (folder: string) => Promise<void>): Promise<void> {
  removeRemains(target)
  const part = mkdtempSync(`${target}.part-`)
  try {
    await fill(part)
    if (existsSync(target)) renameSync(target, `${part}-old`)
    renameSync(part, target)
  } finally {
    removeRemains(target)
  }
}

function removeRemains(target: string): void {
  const folder = dirname(target)
  for (const entry of readdirSync(folder)) if (entry.startsWith(`${basename(target)}.part-`)) rmSync(join(folder, entry), { recursive: true, force: true })
}
