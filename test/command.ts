import { type SpawnOptions, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { testBackend } from '@unidiag/testing/backends'

const bin = fileURLToPath(new URL('../packages/cli/bin/unidiag.js', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

/** A run computes on the backend of the tests; what reads a run takes the one that its config names. */
const onTestBackend = ([command, ...rest]: readonly string[]): string[] =>
  command === 'run' ? [command, '--backend', testBackend(), ...rest] : [command, ...rest]

/** Runs the built command to its end. @param o.cwd where @param o.blocks most that a file it writes may hold, in blocks of 512 bytes (a stand-in for a full disk) */
export function unidiag(args: readonly string[], { cwd, env, blocks }: { cwd?: string; env?: NodeJS.ProcessEnv; blocks?: number } = {}): Promise<Ended> {
  const options: SpawnOptions = { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env }, ...(cwd !== undefined && { cwd }) }
  const command = [bin, ...onTestBackend(args)]
  const child =
    blocks === undefined
      ? spawn(process.execPath, command, options)
      : spawn('sh', ['-c', `ulimit -f ${blocks}; exec "$@"`, 'sh', process.execPath, ...command], options)
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
