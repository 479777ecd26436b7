import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { cacheDir } from '@unidiag/core/cache/cache-dir'
import { locked } from '@unidiag/core/cache/lock'
import { UniDiagError } from '@unidiag/core/errors'
import type { LibTorch } from './locate.js'

const source = fileURLToPath(new URL('../native/addon.cc', import.meta.url))
const sources = [source, fileURLToPath(new URL('../native/arguments.h', import.meta.url))]

/** Node-API is stable across Node versions, so its headers come as a package and one build serves them all. */
const headers = (): string => createRequire(import.meta.url)('node-api-headers').include_dir as string

function compilerArguments(torch: LibTorch, output: string): string[] {
  const mac = process.platform === 'darwin'
  const libraries = torch.cuda ? ['-ltorch_cuda', '-lc10_cuda'] : []
  return [
    `-std=c++${torch.cxx}`,
    '-O2',
    '-w',
    '-fPIC',
    `-D_GLIBCXX_USE_CXX11_ABI=${torch.cxx11Abi ? 1 : 0}`,
    `-I${headers()}`,
    `-I${torch.include}`,
    source,
    // Node resolves symbols when they are first called, where one that is missing ends the process; `now` makes it an error of loading.
    ...(mac ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared', '-Wl,--no-as-needed', '-Wl,-z,now']),
    `-L${torch.lib}`,
    `-Wl,-rpath,${torch.lib}`,
    '-ltorch_cpu',
    '-ltorch',
    ...libraries,
    '-lc10',
    '-o',
    output,
  ]
}

/** Where the addon for this libtorch is or will be: another source, version, place or ABI is another file. */
export function addonFile(torch: LibTorch): string {
  const hash = createHash('sha256')
  for (const file of sources) hash.update(readFileSync(file))
  hash.update(JSON.stringify([compilerArguments(torch, ''), torch.version, process.platform, process.arch]))
  return join(cacheDir(), `torch-addon-${torch.version}-${hash.digest('hex').slice(0, 16)}.node`)
}

const run = promisify(execFile)

const digestFile = (file: string): string => `${file}.sha256`
const digestOf = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex')

/** Loading half a library ends the process, so one is loaded only when it is what was built. */
function isWhole(file: string): boolean {
  return existsSync(file) && existsSync(digestFile(file)) && readFileSync(digestFile(file), 'utf8') === digestOf(file)
}

/** What a builder left behind that was killed; only the holder of the lock may clean up. */
function removeRemains(file: string): void {
  const [folder, name] = [dirname(file), basename(file)]
  for (const entry of readdirSync(folder)) if (entry.startsWith(`${name}.build-`)) rmSync(join(folder, entry), { recursive: true, force: true })
}

async function compile(torch: LibTorch, file: string): Promise<void> {
  const folder = mkdtempSync(`${file}.build-`)
  try {
    const output = join(folder, 'addon.node')
    await run(process.env.CXX || 'g++', compilerArguments(torch, output), { timeout: 600_000, maxBuffer: 1 << 24 })
    writeFileSync(join(folder, 'digest'), digestOf(output))
    renameSync(join(folder, 'digest'), digestFile(file))
    renameSync(output, file)
  } catch (cause) {
    const { code, stderr } = cause as { code?: unknown; stderr?: string }
    const missing = code === 'ENOENT'
    const message = missing
      ? 'there is no C++ compiler (g++)'
      : `the addon does not compile against libtorch ${torch.version} of ${torch.origin}: ${(stderr ?? String(cause)).slice(0, 2000)}`
    const fix = missing ? 'Install a C++ compiler (Debian: `apt install g++`), or set CXX.' : `Use libtorch 1.13 to 2.14 and a compiler with C++${torch.cxx}.`
    throw new UniDiagError('BACKEND_UNAVAILABLE', message, { fix, cause })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Builds the addon unless it is there: in a folder of its own, then renamed, so that no one ever loads half a file. */
export async function buildAddon(torch: LibTorch): Promise<string> {
  const file = addonFile(torch)
  if (isWhole(file)) return file
  await locked(`${file}.lock`, async () => {
    if (isWhole(file)) return
    removeRemains(file)
    await compile(torch, file)
  })
  return file
}
