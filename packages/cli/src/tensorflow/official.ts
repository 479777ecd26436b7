import { delimiter, dirname, join } from 'node:path'
import { CommandFailed, runShown } from '@unidiag/core/cache/run-shown'
import type { TfjsNode } from './package.js'

const LONGEST_MS = 15 * 60_000

/** Runs the package's own installer, which downloads libtensorflow 2.9 and a binding. @returns why it failed */
export async function officialInstall({ folder }: TfjsNode, gpu: boolean): Promise<string | undefined> {
  // It calls node-pre-gyp by name, which lies beside the package (npm) or inside it (pnpm).
  const programs = [join(folder, 'node_modules/.bin'), join(dirname(dirname(folder)), '.bin'), process.env.PATH]
  const env = { ...process.env, PATH: programs.join(delimiter) }
  try {
    await runShown(process.execPath, ['scripts/install.js', gpu ? 'gpu' : 'cpu', 'download'], { cwd: folder, env, timeout: LONGEST_MS })
    return undefined
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error
    const host = /hostname: '([^']+)'/.exec(error.message)?.[1]
    return host ? `${host} cannot be reached` : error.message.split('\n')[0]
  }
}
