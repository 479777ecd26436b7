import type { DataType, KernelBackend, TensorInfo } from '@tensorflow/tfjs-core'
import { wasmBinary } from '@unidiag/core/backend/wasm-binary'

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

/** The compiled kernels by name; arguments are addresses and numbers. */
export type WasmFunctions = Readonly<Record<string, (...args: number[]) => number>>

declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object, imports: Record<string, object>) => { readonly exports: object }
}

/** UniDiag's kernels and the memory of tfjs's wasm module, which they share. */
export class WasmHeap {
  readonly run: WasmFunctions
  readonly #backend: WasmBackend
  #scratch = 0
  #scratchBytes = 0

  constructor(backend: WasmBackend) {
    this.#backend = backend
    const module = new WebAssembly.Module(wasmBinary)
    this.run = new WebAssembly.Instance(module, { env: { memory: backend.wasm.asm.memory } }).exports as WasmFunctions
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
