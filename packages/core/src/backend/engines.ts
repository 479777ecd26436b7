import { createRequire } from 'node:module'
import { dirname, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import util from 'node:util'
import { engine, getBackend, ready, setBackend } from '@tensorflow/tfjs-core'
import { startDawn } from './dawn.js'
import { NoAdapter, NoGpu, SoftwareAdapter } from './diagnose.js'
import { completeWebGpu } from './webgpu.js'

/** In the order in which `auto` tries them. */
export const backendNames = ['torch-gpu', 'tensorflow-gpu', 'torch', 'tensorflow', 'webgpu', 'wasm', 'cpu'] as const
/**
 * A tfjs engine: `torch-gpu` and `torch` are @unidiag/backend-torch on CUDA and on either; `tensorflow-gpu` is @tensorflow/tfjs-node-gpu, `tensorflow`
 * is @tensorflow/tfjs-node; `webgpu` is @tensorflow/tfjs-backend-webgpu over the npm package `webgpu`.
 */
export type BackendName = (typeof backendNames)[number]

/** What matrix products and attention are computed in; weights, sums and everything else are float32. */
export type Precision = 'f32' | 'bf16'

/** The engines that compute in bfloat16. */
export const bf16Engines: readonly BackendName[] = ['torch-gpu', 'torch']

export interface EngineOptions {
  /** Threads for the kernels, where the engine can choose (not wasm in Node: one thread); all cores when left out. */
  readonly threads?: number | undefined
  readonly precision?: Precision | undefined
  /** Refuse a GPU engine that has no GPU and computes on the processor instead. */
  readonly hardwareOnly?: boolean
}

/** What is to be known of an engine that was loaded. */
interface Loaded {
  /** A GPU engine without a GPU, which `auto` never takes. */
  readonly software?: boolean
}

/** How an engine is imported; replaced in tests. */
export type Importer = (specifier: string) => Promise<unknown>

/** Imports as this package would, else as the program in the working directory would: the native engines are installed there. */
export const importModule: Importer = async (specifier) => {
  try {
    return await import(specifier)
  } catch (error) {
    let path: string
    try {
      path = createRequire(pathToFileURL(`${process.cwd()}/`)).resolve(specifier)
    } catch {
      throw error
    }
    return import(pathToFileURL(path).href)
  }
}

/** Makes an engine the current one. Throws whatever its package throws. */
export async function loadEngine(name: BackendName, options: EngineOptions, load: Importer): Promise<Loaded> {
  const loaded = await starters[name](options, load)
  await ready()
  return loaded ?? {}
}

// biome-ignore lint/suspicious/noConfusingVoidType: most engines have nothing to say.
const starters: Record<BackendName, (options: EngineOptions, load: Importer) => Promise<Loaded | void>> = {
  async 'tensorflow-gpu'({ threads }, load) {
    await startTensorFlow('@tensorflow/tfjs-node-gpu', threads, load)
    if (!(engine().backend as unknown as { isUsingGpuDevice?: boolean }).isUsingGpuDevice) throw new NoGpu()
  },
  'torch-gpu': ({ threads, precision }, load) => startTorch({ device: 'cuda:0', threads, precision }, load),
  torch: ({ threads, precision }, load) => startTorch({ threads, precision }, load),
  tensorflow: ({ threads }, load) => startTensorFlow('@tensorflow/tfjs-node', threads, load),

  async webgpu({ hardwareOnly }, load) {
    const dawn = await startDawn(load, hardwareOnly)
    if (!dawn.adapter) throw new NoAdapter()
    const software = dawn.adapter.isFallbackAdapter
    if (software && hardwareOnly) throw new SoftwareAdapter(dawn.adapter.description)
    await load('@tensorflow/tfjs-backend-webgpu')
    await choose('webgpu')
    completeWebGpu(dawn)
    return { software }
  },

  async wasm({ threads }, load) {
    const { setThreadsCount, setWasmPaths } = (await load('@tensorflow/tfjs-backend-wasm')) as typeof import('@tensorflow/tfjs-backend-wasm')
    setWasmPaths(dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm')) + sep)
    if (threads !== undefined) setThreadsCount(threads)
    await choose('wasm')
  },

  async cpu(_, load) {
    await load('@tensorflow/tfjs-backend-cpu')
    await choose('cpu')
    // Otherwise tfjs advertises its other engines at the first operator.
    Object.assign(engine().backend, { firstUse: false })
  },
}

type TorchOptions = Pick<EngineOptions, 'threads' | 'precision'> & { readonly device?: string }

interface TorchPackage {
  startTorch(options: TorchOptions): Promise<unknown>
}

async function startTorch(options: TorchOptions, load: Importer): Promise<void> {
  const { startTorch } = (await load('@unidiag/backend-torch/backend')) as TorchPackage
  await startTorch(options)
}

async function choose(name: string): Promise<void> {
  if (!(await setBackend(name)) || getBackend() !== name) throw new Error(`tfjs could not start its ${name} backend`)
}

async function startTensorFlow(specifier: string, threads: number | undefined, load: Importer): Promise<void> {
  // tfjs-node 4.22 calls these; Node 23 removed them.
  const legacy = util as unknown as Record<string, unknown>
  legacy.isNullOrUndefined ??= (x: unknown) => x == null
  legacy.isArray ??= Array.isArray
  if (threads !== undefined) process.env.TF_NUM_INTRAOP_THREADS ??= String(threads)
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2'
  await load(specifier)
  await choose('tensorflow')
}
