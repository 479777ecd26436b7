import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where built addons and an installed libtorch live: UNIDIAG_CACHE, XDG_CACHE_HOME/unidiag or ~/.cache/unidiag. */
export function cacheDir(): string {
  const { UNIDIAG_CACHE, XDG_CACHE_HOME } = process.env
  return UNIDIAG_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'unidiag')
}
