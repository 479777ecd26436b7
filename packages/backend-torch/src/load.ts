import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { UniDiagError } from '@unidiag/core/errors'
import type { Addon } from './addon.js'
import { buildAddon } from './build.js'
import { type LibTorch, locateTorch, type Passed } from './locate.js'
import { chooseWaiting } from './waiting.js'

const require = createRequire(import.meta.url)

const withCuda = 'Run `unidiag backend install torch --cuda cu126` or install a PyTorch for CUDA (see pytorch.org), or use `torch` on the CPU.'
const install =
  'Run `unidiag backend install torch`, or install PyTorch (`pip install torch`) or libtorch (Debian: `apt install libtorch-dev g++`), or point UNIDIAG_TORCH at the folder of one.'

function found(path: string | undefined): LibTorch {
  const passed: Passed = []
  if (process.platform === 'win32') throw new UniDiagError('BACKEND_UNAVAILABLE', 'not on Windows', { fix: 'Use WSL, or another backend.' })
  const torch = locateTorch(path, passed)
  if (torch === undefined) throw new UniDiagError('BACKEND_UNAVAILABLE', `no libtorch was found (${passed.join('; ')})`, { fix: install })
  return torch
}

/**
 * Finds libtorch, builds the addon on first use and loads it. Throws BACKEND_UNAVAILABLE with the reason and the remedy.
 * @param path of libtorch @param cuda refuse a libtorch for the CPU before anything is built @param threads that operators will take; all when left out
 */
export async function loadAddon(
  path?: string,
  { cuda = false, threads }: { cuda?: boolean; threads?: number | undefined } = {},
): Promise<{ addon: Addon; torch: LibTorch }> {
  const torch = found(path)
  if (cuda && !torch.cuda) throw new UniDiagError('BACKEND_UNAVAILABLE', `libtorch ${torch.version} (${torch.origin}) is built without CUDA`, { fix: withCuda })
  const file = await buildAddon(torch)
  await chooseWaiting(threads)
  try {
    return { addon: require(file) as Addon, torch }
  } catch {
    // A file that was damaged, or built against libraries that have changed since, is built once more.
    rmSync(file, { force: true })
  }
  const again = await buildAddon(torch)
  try {
    return { addon: require(again) as Addon, torch }
  } catch (cause) {
    const message = `libtorch ${torch.version} of ${torch.origin} does not load: ${(cause as Error).message}`
    throw new UniDiagError('BACKEND_UNAVAILABLE', message, { fix: install, cause })
  }
}
