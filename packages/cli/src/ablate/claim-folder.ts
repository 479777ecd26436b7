import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { UniDiagError } from '@unidiag/core/errors'

/**
 * Keeps a second process of this machine from running into the same folder. What a process has left that is no more does not count.
 * @returns gives the folder up @throws UniDiagError FILE_UNWRITABLE
 */
export async function claimFolder(folder: string): Promise<() => Promise<void>> {
  const file = join(folder, 'running.pid')
  await mkdir(folder, { recursive: true })
  const owner = Number(await readFile(file, 'utf8').catch(() => '0'))
  if (owner !== process.pid && isAlive(owner)) throw inUse(folder, owner)
  await rm(file, { force: true })
  // Of two that come this far at once, one creates it.
  await writeFile(file, `${process.pid}`, { flag: 'wx' }).catch((cause) => {
    throw inUse(folder, 'another', cause)
  })
  return () => rm(file, { force: true })
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function inUse(folder: string, process: number | string, cause?: unknown): UniDiagError {
  return new UniDiagError('FILE_UNWRITABLE', `${folder} is being run by process ${process}`, {
    fix: 'Wait for it, or run other seeds or another --out meanwhile.',
    cause,
  })
}
