import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 200

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** A lock is stale when its process is gone (killed while it built) or it is older than any work. */
function stale(file: string, after: number): boolean {
  try {
    return !alive(Number(readFileSync(file, 'utf8'))) || Date.now() - statSync(file).mtimeMs > after
  } catch {
    return false
  }
}

/**
 * Runs `f` while this process alone holds the lock file.
 * @param longest how long `f` may take, in milliseconds; after that the lock counts as left behind
 */
export async function locked<R>(file: string, f: () => Promise<R>, longest: number = 15 * 60_000): Promise<R> {
  mkdirSync(dirname(file), { recursive: true })
  for (;;) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' })
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      if (stale(file, longest)) rmSync(file, { force: true })
      else await sleep(POLL_MS)
    }
  }
  try {
    return await f()
  } finally {
    rmSync(file, { force: true })
  }
}
