import { instantiate, makeMemory, type WasmFunctions } from '../backend/wasm-functions.js'

/** Values drawn at once, a multiple of 16; and where they lie, behind 1 KiB for the kernels to work in. */
const AT_ONCE = 2 ** 18
const SCRATCH = 512
const VALUES = 1024

let kernels: { readonly run: WasmFunctions; readonly values: Float32Array } | undefined

function start(): NonNullable<typeof kernels> {
  const memory = makeMemory(VALUES + 4 * AT_ONCE)
  return { run: instantiate(memory), values: new Float32Array(memory.buffer, VALUES, AT_ONCE) }
}

/**
 * The random numbers of UniDiagKeepMask and UniDiagNormals for engines that have no kernel of their own: drawn by the kernels of the wasm engine, on
 * a megabyte of their own.
 * @param rest arguments of the kernel after the count
 */
export function drawOnHost(kernel: 'keepMask' | 'normals', count: number, ...rest: number[]): Float32Array {
  kernels ??= start()
  const { run, values } = kernels
  const out = new Float32Array(count)
  for (let from = 0; from < count; from += AT_ONCE) {
    const some = Math.min(AT_ONCE, count - from)
    run[kernel](VALUES, from, some, ...rest, SCRATCH)
    out.set(values.subarray(0, some), from)
  }
  return out
}
