import { dirname, join } from 'node:path'
import { matMul, tensor, tidy } from '@tensorflow/tfjs-core'
import { cacheDir } from '@unidiag/core/cache/cache-dir'
import { installFolder } from '@unidiag/core/cache/install-folder'
import { installPythonPackages, NoPackage } from '@unidiag/core/cache/python-environment'
import { UniDiagError } from '@unidiag/core/errors'
import { startTorch } from './backend.js'
import { inEnvironment, type LibTorch, locateTorch } from './locate.js'

export interface InstallOptions {
  /** PyTorch's name of a CUDA version, as `cu126`; a libtorch for the CPU when left out. */
  readonly cuda?: string | undefined
  /** Gets one line for everything that is done. */
  readonly say?: (line: string) => void
}

/** What the addon was tested with. */
const REQUIREMENT = 'torch>=1.13,<2.14'

/**
 * Puts libtorch into the user's cache folder with pip, in a private environment, then builds the addon and computes with it once. Done again, it
 * keeps a libtorch of the wanted kind. A killed installation leaves nothing that is used.
 * @throws UniDiagError BACKEND_UNAVAILABLE with what to install instead
 */
export async function installTorch({ cuda, say = () => {} }: InstallOptions = {}): Promise<LibTorch> {
  const folder = join(cacheDir(), 'torch')
  const there = inEnvironment(folder, [])
  if (there && fits(there, cuda)) say(`libtorch ${there.version} is already in ${folder}`)
  else {
    say(`installing libtorch ${cuda ? `for ${cuda}` : 'for the CPU'} into ${folder}`)
    await installFolder('torch', (part) => fill(part, cuda))
  }
  const torch = inEnvironment(folder, [])!
  await prove(torch, say)
  const first = locateTorch(undefined, [])
  if (first && first.lib !== torch.lib) say(`note: libtorch ${first.version} of ${first.origin} comes first; set UNIDIAG_TORCH=${root(torch)} to use this one`)
  return torch
}

const root = (torch: LibTorch): string => dirname(torch.include)

/** PyTorch's own builds carry `+cpu` or `+cu126` in their version; each computes on the CPU. */
const fits = (torch: LibTorch, cuda: string | undefined): boolean => cuda === undefined || torch.version.endsWith(`+${cuda}`)

async function fill(part: string, cuda: string | undefined): Promise<void> {
  const index = `https://download.pytorch.org/whl/${cuda ?? 'cpu'}`
  try {
    // libtorch for the CPU needs none of the packages that Python's torch does; for CUDA they hold NVIDIA's libraries.
    await installPythonPackages(part, ['--extra-index-url', index, ...(cuda ? [] : ['--no-deps']), REQUIREMENT])
  } catch (error) {
    if (!(error instanceof NoPackage)) throw error
    throw new UniDiagError('BACKEND_UNAVAILABLE', `libtorch was not installed: ${error.message}`, { fix: instead(error, cuda), cause: error })
  }
  const passed: string[] = []
  const torch = inEnvironment(part, passed)
  if (!torch) throw new UniDiagError('BACKEND_UNAVAILABLE', `pip's torch has no libtorch (${passed.join('; ')})`, { fix: system(cuda) })
  if (cuda && !torch.cuda)
    throw new UniDiagError(
      'BACKEND_UNAVAILABLE',
      `pip found libtorch ${torch.version}, which is built without CUDA; ${index} cannot be reached or has none for it`,
      {
        fix: `Use another version of CUDA (cu126, cu128, cu130), or a network or mirror that has ${index}.`,
      },
    )
}

function instead({ missing }: NoPackage, cuda: string | undefined): string {
  const again =
    missing === 'python'
      ? 'Install Python with its environments (Debian: `apt install python3-venv`)'
      : 'Let pip reach a package index or a mirror (PIP_INDEX_URL)'
  return `${again} and run this again; or ${system(cuda)}`
}

/** What does without pip. */
const system = (cuda: string | undefined): string =>
  cuda
    ? 'unpack a libtorch for CUDA from pytorch.org and set UNIDIAG_TORCH to its folder.'
    : "install the system's libtorch, which is found by itself: `apt install libtorch-dev g++` (Debian, Ubuntu)."

async function prove(torch: LibTorch, say: (line: string) => void): Promise<void> {
  const { device } = await startTorch({ torch: root(torch) })
  const [value] = tidy(() => matMul(tensor([1, 2], [1, 2]), tensor([3, 4], [2, 1])).dataSync())
  if (value !== 11)
    throw new UniDiagError('BACKEND_UNAVAILABLE', `libtorch ${torch.version} computes 1 x 3 + 2 x 4 = ${value}`, { fix: 'Install another version.' })
  say(`libtorch ${torch.version} works on ${device}${torch.cuda && device === 'cpu' ? ' (it finds no GPU here: check `nvidia-smi`)' : ''}`)
}
