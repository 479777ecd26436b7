import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Fault } from './fault.js'

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

/** The first of the candidates (relative to `dir`) that exists; a fault that lists them, and `undefined`, when none does. */
export async function find(dir: string, candidates: readonly string[], faults: Fault[]): Promise<string | undefined> {
  for (const candidate of candidates) {
    const path = join(dir, candidate)
    if (await exists(path)) return path
  }
  const reason = (await exists(dir)) ? `looked for ${candidates.map((candidate) => `"${candidate}"`).join(', ')}; none is there` : 'the folder does not exist'
  if (!faults.some((fault) => fault.file === dir && fault.reason === reason)) faults.push({ code: 'DATA_MISSING', file: dir, reason })
  return undefined
}
