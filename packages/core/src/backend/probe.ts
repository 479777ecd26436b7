import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { type BackendName, backendNames } from './engines.js'

export interface BackendProbe {
  readonly name: BackendName
  readonly usable: boolean
  /** Usable by name only: a GPU engine that computes on the processor. */
  readonly software?: boolean
  /** Why it cannot be used, and what to do. */
  readonly problem?: string
  readonly fix?: string
}

/** Tries every engine, each in a process of its own: an engine is global to a process, and a broken native binding can end it. */
export const probeBackends = (): Promise<readonly BackendProbe[]> => Promise.all(backendNames.map(probeBackend))

/** Tries one engine. */
export async function probeBackend(name: BackendName): Promise<BackendProbe> {
  const script = `import { startBackend } from ${JSON.stringify(new URL('./start.js', import.meta.url).href)}
    const report = await startBackend(${JSON.stringify(name)}).then(({ software }) => ({ usable: true, software }), (e) => ({ usable: false, problem: e.message, fix: e.fix }))
    console.log('\\n' + JSON.stringify(report))`
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], { timeout: 60_000 })
    return { name, ...JSON.parse(stdout.trim().split('\n').at(-1) ?? '') }
  } catch (error) {
    return {
      name,
      usable: false,
      problem: `loading it ended the process: ${(error as Error).message.split('\n')[0]}`,
      fix: 'Remove its package, or install it again.',
    }
  }
}
