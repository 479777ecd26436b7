import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDir } from '@unidiag/core/cache/cache-dir'
import { installFolder } from '@unidiag/core/cache/install-folder'
import { installPythonPackages, NoPackage } from '@unidiag/core/cache/python-environment'
import { UniDiagError } from '@unidiag/core/errors'

/** The TensorFlow of a Python environment in the cache folder. */
export interface TensorFlow {
  readonly version: string
  /** Its libraries and `include`. */
  readonly folder: string
}

// Their libtensorflow_cc has the C interface and comes with its headers; 2.21 is what was tested.
const REQUIREMENTS = { cpu: ['--no-deps', 'tensorflow-cpu>=2.16,<2.22'], gpu: ['tensorflow[and-cuda]>=2.16,<2.22'] }

/** @throws UniDiagError BACKEND_UNAVAILABLE */
export async function installWheel(gpu: boolean, say: (line: string) => void): Promise<TensorFlow> {
  if (process.platform !== 'linux')
    throw new UniDiagError('BACKEND_UNAVAILABLE', "pip's TensorFlow has what is needed on Linux only", {
      fix: 'Use another backend: `unidiag doctor` lists those that load.',
    })
  const kind = gpu ? 'gpu' : 'cpu'
  const folder = join(cacheDir(), `tensorflow-${kind}`)
  const there = inEnvironment(folder)
  if (there) say(`TensorFlow ${there.version} is already in ${folder}`)
  else await installFolder(`tensorflow-${kind}`, (part) => fill(part, REQUIREMENTS[kind]))
  return inEnvironment(folder)!
}

async function fill(part: string, requirements: readonly string[]): Promise<void> {
  try {
    await installPythonPackages(part, requirements)
  } catch (error) {
    if (!(error instanceof NoPackage)) throw error
    const fix =
      error.missing === 'python'
        ? 'Install Python with its environments (Debian: `apt install python3-venv`), then run this again.'
        : 'Let pip reach a package index or a mirror (PIP_INDEX_URL), then run this again; or use the torch or wasm backend.'
    throw new UniDiagError('BACKEND_UNAVAILABLE', `TensorFlow was not installed: ${error.message}`, { fix, cause: error })
  }
  if (!inEnvironment(part))
    throw new UniDiagError('BACKEND_UNAVAILABLE', "pip's TensorFlow has no libtensorflow_cc with its headers", { fix: 'Use the torch or wasm backend.' })
}

function inEnvironment(environment: string): TensorFlow | undefined {
  const lib = join(environment, 'lib')
  const python = existsSync(lib) && readdirSync(lib).find((name) => name.startsWith('python3'))
  if (!python) return undefined
  const packages = join(lib, python, 'site-packages')
  const folder = join(packages, 'tensorflow')
  const needed = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2', 'include/tensorflow/c/eager/c_api.h']
  if (!needed.every((file) => existsSync(join(folder, file)))) return undefined
  const info = readdirSync(packages).find((name) => /^tensorflow(_cpu)?-[\d.]+\.dist-info$/.test(name))
  const version = info && /^Version: (.+)$/m.exec(readFileSync(join(packages, info, 'METADATA'), 'utf8'))?.[1]
  return { version: version ?? 'of unknown version', folder }
}
