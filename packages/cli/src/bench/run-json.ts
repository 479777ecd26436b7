import { spawn } from 'node:child_process'
import { UniDiagError } from '@unidiag/core/errors'

/** Runs a program in a process of its own, with no warm caches and nobody else's memory, and reads the last line it prints as JSON. */
export function runJson<T>(program: string, args: readonly string[]): Promise<T> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let [out, said] = ['', '']
    child.stdout.on('data', (chunk) => {
      out += chunk
    })
    child.stderr.on('data', (chunk) => {
      said += chunk
    })
    const fail = (reason: string) =>
      reject(
        new UniDiagError('BACKEND_UNAVAILABLE', `${[program, ...args].join(' ')}: ${reason}`, { fix: 'Run this command by itself and see what it needs.' }),
      )
    child.on('error', (error) => fail(error.message))
    child.on('close', (code, signal) => {
      if (code !== 0) return fail(`ended with ${signal ?? code}\n${said.trim().slice(-2000)}`)
      try {
        resolve(JSON.parse(out.trim().split('\n').at(-1)!) as T)
      } catch {
        fail(`printed no JSON: ${out.trim().slice(-200)}`)
      }
    })
  })
}

/** This command with other arguments, which have to ask for `--json`. */
export const runSelf = <T>(args: readonly string[]): Promise<T> => runJson(process.execPath, [process.argv[1], ...args])
