import util from 'node:util'
import { getBackend, type KernelBackend, registerBackend, removeBackend } from '@tensorflow/tfjs-core'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { UniDiagError } from '../errors.js'
import { importModule } from './engines.js'
import { refuseSecondCopy, startBackend } from './start.js'

const notInstalled = (specifier: string) => Object.assign(new Error(`Cannot find package '${specifier}' imported from here`), { code: 'ERR_MODULE_NOT_FOUND' })

/** Imports that fail for some packages, as if this were another machine. */
const machine = (failures: Record<string, Error>) => async (specifier: string) => {
  if (failures[specifier]) throw failures[specifier]
  return importModule(specifier)
}

const nothing = {
  '@unidiag/backend-torch/backend': notInstalled('@unidiag/backend-torch'),
  '@tensorflow/tfjs-node-gpu': notInstalled('@tensorflow/tfjs-node-gpu'),
  '@tensorflow/tfjs-node': new Error('The Node.js native addon module (tfjs_binding.node) can not be found at path: x'),
  webgpu: notInstalled('webgpu'),
  '@tensorflow/tfjs-backend-wasm': notInstalled('@tensorflow/tfjs-backend-wasm'),
  '@tensorflow/tfjs-backend-cpu': notInstalled('@tensorflow/tfjs-backend-cpu'),
}

// A process has one backend: what must fail comes before what starts one.
describe('startBackend', () => {
  let printed: string[]
  beforeEach(() => {
    printed = []
    for (const method of ['log', 'info', 'warn', 'error'] as const) vi.spyOn(console, method).mockImplementation((...args) => void printed.push(args.join(' ')))
    return () => vi.restoreAllMocks()
  })

  it('says why a named backend cannot start, and what to do', async () => {
    await expect(startBackend('tensorflow-gpu', { load: machine(nothing) })).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: 'the backend tensorflow-gpu cannot start: @tensorflow/tfjs-node-gpu is not installed',
      fix: expect.stringContaining('unidiag backend install tensorflow --gpu'),
      cause: nothing['@tensorflow/tfjs-node-gpu'],
    })
    await expect(startBackend('tensorflow', { load: machine(nothing) })).rejects.toMatchObject({
      message: expect.stringContaining('native binding was never downloaded'),
      fix: expect.stringContaining('unidiag backend install tensorflow'),
    })
  })

  it('passes on what a backend of ours says itself', async () => {
    const stated = new UniDiagError('BACKEND_UNAVAILABLE', 'no libtorch was found (python3: has no torch)', { fix: 'Install PyTorch.' })
    const startTorch = () => Promise.reject(stated)
    await expect(startBackend('torch', { load: async () => ({ startTorch }) })).rejects.toMatchObject({
      message: 'the backend torch cannot start: no libtorch was found (python3: has no torch)',
      fix: 'Install PyTorch.',
    })
  })

  it('says so when a package loads but registers no engine', async () => {
    await expect(startBackend('tensorflow', { load: async () => ({}) })).rejects.toMatchObject({
      message: expect.stringContaining("'tensorflow' not found in registry"),
    })
  })

  it('says so when the GPU binding finds no GPU', async () => {
    const load = async () => registerBackend('tensorflow', () => ({ isUsingGpuDevice: false, dispose: () => {} }) as unknown as KernelBackend)
    await expect(startBackend('tensorflow-gpu', { load })).rejects.toMatchObject({ message: expect.stringContaining('finds no GPU') })
    removeBackend('tensorflow')
  })

  it('gives tfjs-node the functions that newer versions of Node lack', async () => {
    let seen: unknown
    const legacy = util as unknown as { isNullOrUndefined?: (x: unknown) => boolean }
    const own = legacy.isNullOrUndefined
    legacy.isNullOrUndefined = undefined
    try {
      await expect(
        startBackend('tensorflow', {
          load: async () => {
            seen = [legacy.isNullOrUndefined?.(undefined), legacy.isNullOrUndefined?.(0)]
          },
        }),
      ).rejects.toThrow()
    } finally {
      legacy.isNullOrUndefined = own
    }
    expect(seen).toEqual([true, false])
  })

  it('auto: takes webgpu on a GPU only', async () => {
    const adapter = { info: { description: 'llvmpipe', isFallbackAdapter: true } }
    const others = { ...nothing, '@tensorflow/tfjs-backend-wasm': notInstalled('@tensorflow/tfjs-backend-wasm') }
    const load = async (specifier: string) =>
      specifier === 'webgpu' ? { create: () => ({ requestAdapter: async () => adapter }), globals: {} } : machine(others)(specifier)
    await expect(startBackend('auto', { load })).rejects.toMatchObject({
      message: expect.stringMatching(/webgpu \(it has no GPU here, only (llvmpipe|the processor)\)/),
    })
  })

  it('lists every reason when nothing loads', async () => {
    await expect(startBackend('auto', { load: machine(nothing) })).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringMatching(
        /torch-gpu \(.*not installed\); tensorflow-gpu \(.*not installed\); torch \(.*not installed\); tensorflow \(.*never downloaded\); webgpu \(webgpu is not installed\); wasm \(.*\); cpu \(/,
      ),
    })
  })

  it('auto: takes the first that loads and tells in one line why the others were passed over', async () => {
    const { '@tensorflow/tfjs-backend-wasm': _, ...others } = nothing
    const started = await startBackend('auto', { load: machine(others) })
    expect(started).toEqual({
      name: 'wasm',
      reason:
        'wasm; passed over: torch-gpu (@unidiag/backend-torch is not installed); tensorflow-gpu (@tensorflow/tfjs-node-gpu is not installed); torch (@unidiag/backend-torch is not installed); tensorflow (@tensorflow/tfjs-node is installed, but its native binding was never downloaded); webgpu (webgpu is not installed)',
    })
    expect(getBackend()).toBe('wasm')
    expect(printed).toEqual([])
  })

  it('keeps the backend that runs', async () => {
    expect((await startBackend('auto')).name).toBe('wasm')
    expect((await startBackend('wasm')).name).toBe('wasm')
    await expect(startBackend('cpu')).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE', message: expect.stringContaining('wasm already runs') })
  })
})

describe('refuseSecondCopy', () => {
  it('counts copies of tfjs-core by their files', () => {
    const file = (at: string) => `${at}/@tensorflow/tfjs-core/dist/tf-core.node.js`
    expect(() => refuseSecondCopy([file('/a'), '/a/other.js', '/b/@tensorflow/tfjs-core/package.json'])).not.toThrow()
    expect(() => refuseSecondCopy([file('/a'), file('/b')])).toThrow(
      expect.objectContaining({ code: 'TFJS_DUPLICATE', message: expect.stringContaining('/b/') }),
    )
  })
})
