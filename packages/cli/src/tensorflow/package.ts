import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { runShown } from '@unidiag/core/cache/run-shown'
import { UniDiagError } from '@unidiag/core/errors'

/** An installed @tensorflow/tfjs-node or -gpu. */
export interface TfjsNode {
  readonly name: string
  readonly folder: string
  /** Where it looks for its binding. */
  readonly binding: string
}

/** The version of tfjs-core that everything shares. */
const VERSION = '4.22.0'

const otherManagers = { 'pnpm-lock.yaml': 'pnpm add', 'yarn.lock': 'yarn add', 'bun.lock': 'bun add' }

/** The package in the project of the working directory, installed with npm where it is not there. @throws UniDiagError BACKEND_UNAVAILABLE */
export async function findPackage(gpu: boolean, say: (line: string) => void): Promise<TfjsNode> {
  const name = gpu ? '@tensorflow/tfjs-node-gpu' : '@tensorflow/tfjs-node'
  const there = installed(name)
  if (there) return there
  const add = otherManager()
  const wanted = `${name}@${VERSION}`
  if (add) throw new UniDiagError('BACKEND_UNAVAILABLE', `${name} is not installed in this project`, { fix: `Run \`${add} ${wanted}\`, then this again.` })
  say(`npm install ${wanted}`)
  try {
    // Without its scripts: a refused download would undo the installation.
    await runShown('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', wanted])
  } catch (cause) {
    throw new UniDiagError('BACKEND_UNAVAILABLE', `${name} was not installed: ${(cause as Error).message}`, {
      fix: `Let npm reach its registry, or install ${wanted} in this project in another way, then run this again.`,
      cause,
    })
  }
  const now = installed(name)
  if (!now)
    throw new UniDiagError('BACKEND_UNAVAILABLE', `npm installed ${name}, but not where this project finds it`, {
      fix: 'Run this in the folder of your project.',
    })
  return now
}

function installed(name: string): TfjsNode | undefined {
  let manifest: string
  try {
    manifest = createRequire(pathToFileURL(`${process.cwd()}/`)).resolve(`${name}/package.json`)
  } catch {
    return undefined
  }
  const folder = dirname(manifest)
  const { binary } = JSON.parse(readFileSync(manifest, 'utf8')) as { binary: { module_name: string; module_path: string; napi_versions: number[] } }
  // As node-pre-gyp chooses: the newest Node-API that both know.
  const napi = Math.max(...binary.napi_versions.filter((version) => version <= Number(process.versions.napi)))
  return { name, folder, binding: join(folder, binary.module_path.replace('{napi_build_version}', String(napi)), `${binary.module_name}.node`) }
}

function otherManager(): string | undefined {
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    for (const [lockfile, add] of Object.entries(otherManagers)) if (existsSync(join(folder, lockfile))) return add
    if (existsSync(join(folder, 'package-lock.json')) || dirname(folder) === folder) return undefined
  }
}
