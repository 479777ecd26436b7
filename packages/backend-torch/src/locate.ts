import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDir } from '@unidiag/core/cache/cache-dir'

/** An installed libtorch with its headers. */
export interface LibTorch {
  /** Where it was found, for messages: `UNIDIAG_TORCH`, `python3`, `system`, `cache`. */
  readonly origin: string
  readonly version: string
  readonly include: string
  readonly lib: string
  /** Wheels before 2.6 were built with the old std::string. */
  readonly cxx11Abi: boolean
  readonly cuda: boolean
  /** The C++ that its headers are written in: 20 from 2.14, before that 17. */
  readonly cxx: 17 | 20
}

/** The places that were looked at, with what was wrong there. */
export type Passed = string[]

const read = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8') : '')

function versionOf(include: string, root: string): string {
  const python = /__version__ = '([^']+)'/.exec(read(join(root, 'version.py')))?.[1]
  const header = ['torch/headeronly/version.h', 'torch/csrc/api/include/torch/version.h'].map((name) => read(join(include, name))).join('')
  const parts = ['MAJOR', 'MINOR', 'PATCH'].map((part) => new RegExp(`TORCH_VERSION_${part} (\\d+)`).exec(header)?.[1])
  return python ?? (parts.every((part) => part !== undefined) ? parts.join('.') : read(join(root, 'build-version')).trim() || 'unknown')
}

function describe(origin: string, root: string, include: string, lib: string): LibTorch {
  const libraries = readdirSync(lib)
  return {
    origin,
    version: versionOf(include, root),
    include,
    lib,
    cxx11Abi: !/_GLIBCXX_USE_CXX11_ABI=0/.test(read(join(root, 'share/cmake/Torch/TorchConfig.cmake'))),
    cuda: libraries.some((name) => name.startsWith('libtorch_cuda.')),
    cxx: /__cplusplus < 2020/.test(read(join(include, 'ATen/ATen.h'))) ? 20 : 17,
  }
}

const matching = (folder: string, name: RegExp): string[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((n) => name.test(n))
        .map((n) => join(folder, n))
    : []

/** `root` is an unpacked libtorch, the `torch` folder of a Python installation, or a prefix such as /usr. */
function at(origin: string, root: string, passed: Passed): LibTorch | undefined {
  const include = join(root, 'include')
  const libs = [join(root, 'lib'), ...matching(join(root, 'lib'), /-linux-gnu$/)]
  const lib = libs.find((dir) => matching(dir, /^libtorch_cpu\.(so|dylib)$/).length > 0)
  if (!existsSync(join(include, 'ATen/core/Tensor.h'))) passed.push(`${origin}: no libtorch headers in ${include}`)
  else if (lib === undefined) passed.push(`${origin}: no libtorch_cpu library in ${libs[0]}`)
  else return describe(origin, root, realpathSync(include), realpathSync(lib))
  return undefined
}

// find_spec does not import torch, which would take seconds.
const FIND_TORCH = "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')"

function inPython(passed: Passed): LibTorch | undefined {
  for (const python of ['python3', 'python']) {
    try {
      const root = execFileSync(python, ['-c', FIND_TORCH], { encoding: 'utf8', timeout: 20_000, stdio: ['ignore', 'pipe', 'ignore'] }).trim()
      if (root !== '') return at(python, root, passed)
      passed.push(`${python}: has no torch`)
    } catch {
      passed.push(`${python}: does not run`)
    }
  }
  return undefined
}

/**
 * The libtorch to use: `path` or the environment's UNIDIAG_TORCH (then nothing else is looked at), the torch of the python
 * on the PATH, a system libtorch, what was installed into the user's cache folder. Undefined where there is none.
 */
export function locateTorch(path: string | undefined, passed: Passed): LibTorch | undefined {
  const named = path ?? process.env.UNIDIAG_TORCH
  if (named !== undefined && named !== '') return at(path === undefined ? 'UNIDIAG_TORCH' : 'option `torch`', named, passed)
  const python = inPython(passed)
  if (python !== undefined) return python
  for (const prefix of ['/usr', '/usr/local', '/opt/libtorch', '/opt/homebrew']) {
    const missing: Passed = []
    const system = at(`system ${prefix}`, prefix, missing)
    if (system !== undefined) return system
    // Of the usual places only those that have a part of it are worth a word.
    if (existsSync(join(prefix, 'include/ATen'))) passed.push(...missing)
  }
  passed.push('system: has none')
  return inEnvironment(join(cacheDir(), 'torch'), passed)
}

/** The libtorch in a private environment of Python's, which is what `unidiag backend install torch` makes in the cache folder. */
export function inEnvironment(folder: string, passed: Passed): LibTorch | undefined {
  const [python3] = matching(join(folder, 'lib'), /^python3/)
  if (python3 !== undefined) return at('cache', join(python3, 'site-packages/torch'), passed)
  passed.push(`${folder}: nothing was installed`)
  return undefined
}
