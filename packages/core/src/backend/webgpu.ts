import { type BackendValues, type DataId, type DataType, engine, type KernelBackend, util } from '@tensorflow/tfjs-core'
import type { Dawn } from './dawn.js'
import { registerWebGpuKernels } from './webgpu-kernels.js'

/** The parts of tfjs's WebGPU backend that are used here. */
interface WebGpuBackend extends KernelBackend {
  readonly device: {
    readonly limits: { readonly maxStorageBuffersPerShaderStage: number }
    addEventListener(type: 'uncapturederror', listener: (event: { readonly error: { readonly message: string }; preventDefault(): void }) => void): void
  }
  readonly tensorMap: { get(id: DataId): { readonly values?: BackendValues | null; readonly dtype: DataType; readonly resource: GpuBuffer } }
  readonly bufferManager: { acquireBuffer(bytes: number, usage: number): GpuBuffer; releaseBuffer(buffer: GpuBuffer): void }
  readonly commandEncoder: { copyBufferToBuffer(from: GpuBuffer, fromOffset: number, to: GpuBuffer, toOffset: number, bytes: number): void }
  ensureCommandEncoderReady(): void
  endComputePassEncoder(): void
  submitQueue(): void
  convertAndCacheOnCPU(id: DataId, values: BackendValues): void
}

interface GpuBuffer {
  readonly size: number
  readonly mapState: 'unmapped' | 'pending' | 'mapped'
  mapAsync(mode: number): Promise<void>
  getMappedRange(): ArrayBuffer
  unmap(): void
}

/** Flags of the WebGPU specification. */
const MAP_READ = 1
const COPY_DST = 8
const READ = 1

/** What tfjs's WebGPU backend needs to train outside a browser. */
export function completeWebGpu(dawn: Dawn): void {
  const backend = engine().backend as WebGpuBackend
  readWithoutCanvas(backend, dawn)
  failWhenReading(backend)
  registerWebGpuKernels(backend.device.limits.maxStorageBuffersPerShaderStage)
}

/** tfjs reads without waiting through a canvas, which Node has not: here the values are copied out while Dawn works on. */
function readWithoutCanvas(backend: WebGpuBackend, dawn: Dawn): void {
  const readSync = backend.readSync.bind(backend)
  backend.readSync = (id) => {
    const { values, dtype, resource } = backend.tensorMap.get(id)
    if (values != null || dtype === 'string' || dtype === 'complex64') return readSync(id)
    const read = util.convertBackendValuesAndArrayBuffer(download(backend, resource, dawn), dtype)
    backend.convertAndCacheOnCPU(id, read)
    return read
  }
}

/** WebGPU reports errors late and computes on with zeros; they are thrown to whoever reads a value next. */
function failWhenReading(backend: WebGpuBackend): void {
  let first: string | undefined
  backend.device.addEventListener('uncapturederror', (event) => {
    event.preventDefault()
    first ??= event.error.message
  })
  const check = (): void => {
    if (first === undefined) return
    const error = new Error(`WebGPU failed: ${first}`)
    first = undefined
    throw error
  }
  const [readSync, read] = [backend.readSync.bind(backend), backend.read.bind(backend)]
  backend.readSync = (id) => {
    const values = readSync(id)
    check()
    return values
  }
  backend.read = async (id) => {
    const values = await read(id)
    check()
    return values
  }
}

function download(backend: WebGpuBackend, from: GpuBuffer, dawn: Dawn): ArrayBuffer {
  const staging = backend.bufferManager.acquireBuffer(from.size, COPY_DST | MAP_READ)
  backend.ensureCommandEncoderReady()
  backend.endComputePassEncoder()
  backend.commandEncoder.copyBufferToBuffer(from, 0, staging, 0, from.size)
  backend.submitQueue()
  let failure: unknown
  staging.mapAsync(READ).catch((error: unknown) => {
    failure = error
  })
  dawn.finish(() => staging.mapState !== 'pending')
  if (staging.mapState !== 'mapped') throw new Error('A tensor could not be read from the GPU.', { cause: failure })
  const values = staging.getMappedRange().slice(0)
  staging.unmap()
  backend.bufferManager.releaseBuffer(staging)
  return values
}
