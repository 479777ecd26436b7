import type { DataType } from '@tensorflow/tfjs-core'

/** Numbers of c10::ScalarType, which are part of libtorch's file formats and do not change. */
export const UINT8 = 0
export const INT32 = 3
export const INT64 = 4
export const FLOAT32 = 6
export const FLOAT64 = 7
export const COMPLEX64 = 9
export const BOOL = 11
export const BFLOAT16 = 15

const codes: Readonly<Record<string, number>> = { float32: FLOAT32, int32: INT32, bool: BOOL, complex64: COMPLEX64 }

/** tfjs's dtype as libtorch's. */
export function codeOf(dtype: string): number {
  const code = codes[dtype]
  if (code === undefined) throw new Error(`The torch backend holds no ${dtype} tensors.`)
  return code
}

/** The tfjs dtype that a libtorch tensor is handed out as: integers as int32, reals as float32. */
export function dtypeOf(code: number): DataType {
  if (code === BOOL) return 'bool'
  if (code === COMPLEX64 || code === 10) return 'complex64'
  return code < 5 ? 'int32' : 'float32'
}
