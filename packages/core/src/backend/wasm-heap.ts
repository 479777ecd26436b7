import type { DataType, KernelBackend, TensorInfo } from '@tensorflow/tfjs-core'

/** What the kernels use of tfjs's wasm backend. */
export interface WasmBackend extends KernelBackend {
  readonly wasm: {
    readonly HEAPU8: Uint8Array
    readonly asm: { readonly memory: object }
    _malloc(bytes: number): number
    _free(address: number): void
  }
  makeOutput(shape: readonly number[], dtype: DataType): TensorInfo
  getMemoryOffset(dataId: object): number
  typedArrayFromHeap(info: TensorInfo): Float32Array | Int32Array | Uint8Array
}
