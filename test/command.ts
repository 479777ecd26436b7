import { type SpawnOptions, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const bin = fileURLToPath(new URL('../packages/cli/bin/unidiag.js', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

/** Runs the built command to its end. @param o.cwd where @param o.blocks most that a file it writes may hold, in blocks of 512 bytes (a stand-in for a full disk) */
export function unidiag(args: readonly string[], { cwd, env, blocks }: { cwd?: string; env?: NodeJS.ProcessEnv; blocks?: number } = {}): Promise<Ended> {
  const options: SpawnOptions = { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env }, ...(cwd !== undefined && { cwd }) }
  const child =
    blocks === undefined
      ? spawn(process.execPath, [bin, ...args], options)
      : spawn('sh', ['-c', `ulimit -f ${blocks}; exec "$@"`, 'sh', process.execPath, bin, ...args], options)
  return new Promise((resolve, reject) => {
    let [out, err] = ['', '']
    child.stdout?.on('data', (chunk) => {
      out += chunk
    })
    child.stderr?.on('data', (chunk) => {
      err += chunk
    })
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, out, err }))
  })
}
