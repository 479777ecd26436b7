import { createRequire } from 'node:module'
import { UniDiagError } from '../errors.js'
import { diagnose } from './diagnose.js'
import { type BackendName, backendNames, bf16Engines, type EngineOptions, type Importer, importModule, loadEngine } from './engines.js'
import { registerMatMulGradient } from './matmul-gradient.js'
import { registerWasmKernels } from './wasm-kernels.js'

export interface StartedBackend {
  readonly name: BackendName
  /** One line: what was chosen, and why the others were passed over. */
  readonly reason: string
  /** A GPU engine without a GPU: it computes on the processor, and `auto` never takes it. */
  readonly software?: boolean
}

export interface StartOptions extends EngineOptions {
  /** Replaced in tests. */
  readonly load?: Importer
}

// The engine of tfjs is global to the process, whatever copy of this module asks for it.
const state = globalThis as { [started]?: StartedBackend }
const started = Symbol.for('unidiag.backend')

/**
 * Makes a tfjs engine the one of this process, with the gradients and kernels that training needs.
 * @param name `auto` takes the first that loads: torch-gpu, tensorflow-gpu, torch, tensorflow, webgpu (on a GPU), wasm, cpu; or the one that already runs
 * @throws UniDiagError BACKEND_UNAVAILABLE, OPTION_INVALID, TFJS_DUPLICATE
 */
export async function startBackend(
  name: BackendName | 'auto' = 'auto',
  { load = importModule, threads, precision }: StartOptions = {},
): Promise<StartedBackend> {
  if (precision === 'bf16' && name !== 'auto' && !bf16Engines.includes(name))
    throw new UniDiagError('OPTION_INVALID', `the backend ${name} does not compute in bf16`, { fix: `Use precision f32, or one of ${bf16Engines.join(', ')}.` })
  const running = state[started]
  if (running) {
    if (name === 'auto' || name === running.name) return running
    throw new UniDiagError('BACKEND_UNAVAILABLE', `the backend ${name} cannot start: ${running.name} already runs in this process`, {
      fix: 'Use one backend a process: start another process for the other one.',
    })
  }
  const options = { threads, precision }
  const chosen = name === 'auto' ? await firstThatLoads(options, load) : await named(name, options, load)
  refuseSecondCopy(Object.keys(createRequire(import.meta.url).cache))
  await import('@unidiag/core/backend/tfjs-gradients')
  registerMatMulGradient()
  if (chosen.name === 'wasm') registerWasmKernels()
  state[started] = chosen
  return chosen
}

async function named(name: BackendName, options: EngineOptions, load: Importer): Promise<StartedBackend> {
  try {
    return { name, reason: `${name}, as asked for`, ...(await loadEngine(name, options, load)) }
  } catch (error) {
    const { what, fix } = diagnose(name, error)
    throw new UniDiagError('BACKEND_UNAVAILABLE', `the backend ${name} cannot start: ${what}`, { fix, cause: error })
  }
}

async function firstThatLoads(options: EngineOptions, load: Importer): Promise<StartedBackend> {
  const passed: string[] = []
  for (const name of options.precision === 'bf16' ? bf16Engines : backendNames) {
    try {
      await loadEngine(name, { ...options, hardwareOnly: true }, load)
      return { name, reason: passed.length === 0 ? `${name}, the first choice` : `${name}; passed over: ${passed.join('; ')}` }
    } catch (error) {
      passed.push(`${name} (${diagnose(name, error).what})`)
    }
  }
  throw new UniDiagError('BACKEND_UNAVAILABLE', `no backend can start: ${passed.join('; ')}`, { fix: 'Install the packages of @unidiag/core again.' })
}

/** @param files of modules loaded in this process @throws UniDiagError TFJS_DUPLICATE */
export function refuseSecondCopy(files: readonly string[]): void {
  const copies = new Set(files.filter((file) => /tfjs-core[\\/]dist[\\/]tf-core\.node(\.min)?\.js$/.test(file)))
  if (copies.size > 1)
    throw new UniDiagError(
      'TFJS_DUPLICATE',
      `${copies.size} copies of @tensorflow/tfjs-core are loaded; they share one registry of kernels:\n  ${[...copies].join('\n  ')}`,
    )
}
