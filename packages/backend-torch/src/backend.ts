import { engine, findBackend, registerBackend, setBackend } from '@tensorflow/tfjs-core'
import type { Precision } from '@unidiag/core/backend/engines'
import { UniDiagError } from '@unidiag/core/errors'
import type { Addon } from './addon.js'
import { theAddon, useAddon } from './aten.js'
import { loadAddon } from './load.js'
import type { LibTorch } from './locate.js'
import { setPrecision } from './precision.js'
import { registerKernels } from './register.js'
import { setThreads } from './threads.js'
import { TorchBackend } from './torch-backend.js'

export interface TorchOptions {
  /** The folder of libtorch or of Python's torch; otherwise it is looked for. */
  torch?: string | undefined
  /** Default: `cuda:0` where libtorch finds one that works, else `cpu`. */
  device?: string | undefined
  /** CPU threads of an operator with enough to do; default libtorch's own choice. */
  threads?: number | undefined
  /** `bf16`: matrix products and attention in bfloat16, with float32 weights, sums and everything else. Default `f32`. */
  precision?: Precision | undefined
}

/** What was started, for a line of a log. */
export interface TorchStarted {
  readonly torch: LibTorch
  readonly device: string
  readonly threads: number
}

let started: Promise<LibTorch> | undefined

async function load({ torch: path, device, threads }: TorchOptions): Promise<LibTorch> {
  const { addon, torch } = await loadAddon(path, { cuda: device?.startsWith('cuda') ?? false, threads })
  useAddon(addon)
  if (findBackend('torch') === null) registerBackend('torch', () => new TorchBackend(), 0)
  return torch
}

const driver = 'See what `nvidia-smi` says of the driver and of free memory, and CUDA_VISIBLE_DEVICES; or use `torch` on the CPU.'

function chooseDevice(addon: Addon, wanted: string | undefined): void {
  const device = wanted ?? (addon.hasCuda() ? 'cuda:0' : 'cpu')
  try {
    addon.device(device)
  } catch (cause) {
    const message = `device ${device}: ${(cause as Error).message}`
    if (wanted !== undefined) throw new UniDiagError('BACKEND_UNAVAILABLE', message, { ...(wanted.startsWith('cuda') && { fix: driver }), cause })
    process.emitWarning(`${message}; computing on the CPU`)
    addon.device('cpu')
  }
}

/**
 * Makes `torch` tfjs's backend. The addon is built on first use, which takes about ten seconds.
 * Throws BACKEND_UNAVAILABLE where there is no libtorch, no compiler, or not the device that was asked for.
 */
export async function startTorch(options: TorchOptions = {}): Promise<TorchStarted> {
  started ??= load(options)
  let torch: LibTorch
  try {
    torch = await started
  } catch (error) {
    started = undefined
    throw error
  }
  const addon = theAddon()
  chooseDevice(addon, options.device)
  const threads = setThreads(options.threads)
  registerKernels()
  setPrecision(options.precision ?? 'f32')
  if (engine().backendName !== 'torch') await setBackend('torch')
  return { torch, device: addon.device(), threads }
}
