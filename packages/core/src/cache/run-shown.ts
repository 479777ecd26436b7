import { spawn } from 'node:child_process'

export interface RunOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  readonly timeout?: number
}

/** A program that ended with a failure, or could not be started (`code` is then ENOENT). */
export class CommandFailed extends Error {
  readonly code: string | number | undefined

  constructor(command: string, code: string | number | undefined, output: string) {
    super(`${command} ${typeof code === 'number' ? `ended with ${code}` : `did not run (${code})`}${output && `: ${output}`}`)
    this.code = code
  }
}

const LINES_KEPT = 6

/**
 * Runs a program and shows what it prints on this process's stderr, for work that takes minutes.
 * @throws CommandFailed with the last lines that it printed
 */
export function runShown(command: string, args: readonly string[], { cwd, env, timeout }: RunOptions = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: env ?? process.env, timeout, stdio: ['ignore', 'pipe', 'pipe'] })
    let tail = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        process.stderr.write(chunk)
        tail = `${tail}${chunk}`.slice(-4000)
      })
    const last = () =>
      tail
        .trim()
        .split(/[\r\n]+/)
        .slice(-LINES_KEPT)
        .join('\n')
    child.on('error', (error: NodeJS.ErrnoException) => reject(new CommandFailed(command, error.code, '')))
    child.on('close', (code, signal) => (code === 0 ? resolve() : reject(new CommandFailed(command, code ?? signal ?? undefined, last()))))
  })
}
