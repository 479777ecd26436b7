import type { DataType, KernelBackend, TensorInfo } from '@tensorflow/tfjs-core'
import { instantiate, type WasmFunctions } from './wasm-functions.js'

/** What the kernels use of tfjs's wasm backend. */
export interface WasmBackend extends KernelBackend {
  readonly wasm: {
    readonly asm: { readonly memory: object }
    _malloc(bytes: number): number
    _free(address: number): void
  }
  makeOutput(shape: readonly number[], dtype: DataType): TensorInfo
  getMemoryOffset(dataId: object): number
  typedArrayFromHeap(info: TensorInfo): Float32Array | Int32Array | Uint8Array
}

/** UniDiag's kernels and the memory of tfjs's wasm module, which they share. */
export class WasmHeap {
  readonly run: WasmFunctions
  readonly #backend: WasmBackend
  #scratch = 0
  #scratchBytes = 0

  constructor(backend: WasmBackend) {
    this.#backend = backend
    this.run = instantiate(backend.wasm.asm.memory)
  }

  /** An uninitialised tensor. */
  make(shape: readonly number[]): TensorInfo {
    return this.#backend.makeOutput(shape, 'float32')
  }

  /** Address of a tensor's values; 0 for no tensor. */
  at(info: TensorInfo | undefined): number {
    return info ? this.#backend.getMemoryOffset(info.dataId) : 0
  }

  /** A view of a tensor's values; valid until the next allocation. */
  values(info: TensorInfo): Float32Array | Int32Array {
    return this.#backend.typedArrayFromHeap(info) as Float32Array | Int32Array
  }

  dispose(info: TensorInfo): void {
    this.#backend.disposeData(info.dataId)
  }

  /** Address of at least `bytes` bytes that the next call may overwrite. */
  scratch(bytes: number): number {
    if (bytes > this.#scratchBytes) {
      if (this.#scratch) this.#backend.wasm._free(this.#scratch)
      this.#scratchBytes = Math.max(bytes, 2 * this.#scratchBytes)
      this.#scratch = this.#backend.wasm._malloc(this.#scratchBytes)
    }
    return this.#scratch
  }
}
