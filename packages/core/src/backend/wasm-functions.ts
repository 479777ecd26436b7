import { wasmBinary } from '@unidiag/core/backend/wasm-binary'

/** The compiled kernels by name; arguments are addresses and numbers. */
export type WasmFunctions = Readonly<Record<string, (...args: number[]) => number>>

declare const WebAssembly: {
  Memory: new (size: { initial: number }) => { readonly buffer: ArrayBuffer }
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object, imports: Record<string, object>) => { readonly exports: object }
}

/** UniDiag's kernels on some memory. */
export const instantiate = (memory: object): WasmFunctions =>
  new WebAssembly.Instance(new WebAssembly.Module(wasmBinary), { env: { memory } }).exports as WasmFunctions

/** @param bytes rounded up to pages of 64 KiB */
export const makeMemory = (bytes: number): { readonly buffer: ArrayBuffer } => new WebAssembly.Memory({ initial: Math.ceil(bytes / 65536) })
