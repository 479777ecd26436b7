import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where native engines live that were installed or built for this user: UNIDIAG_CACHE, XDG_CACHE_HOME/unidiag or ~/.cache/unidiag. */
export function cacheDir(): string {
  const { UNIDIAG_CACHE, XDG_CACHE_HOME } = process.env
  return UNIDIAG_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'unidiag')
}
