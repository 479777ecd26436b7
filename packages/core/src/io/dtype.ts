export type Dtype = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'U64' | 'I32' | 'U32' | 'I16' | 'U16' | 'I8' | 'U8' | 'BOOL'

export type StoredData =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array

interface Decoder {
  readonly bytes: number
  readonly decode: (buffer: ArrayBuffer) => StoredData
}

/** Types of tensors in files. 16-bit floats are widened to float32, booleans are bytes. */
export const dtypes: Readonly<Record<Dtype, Decoder>> = {
  F64: { bytes: 8, decode: (b) => new Float64Array(b) },
  F32: { bytes: 4, decode: (b) => new Float32Array(b) },
  F16: { bytes: 2, decode: (b) => Float32Array.from(new Uint16Array(b), halfToFloat) },
  BF16: { bytes: 2, decode: (b) => widenBfloat(new Uint16Array(b)) },
  I64: { bytes: 8, decode: (b) => new BigInt64Array(b) },
  U64: { bytes: 8, decode: (b) => new BigUint64Array(b) },
  I32: { bytes: 4, decode: (b) => new Int32Array(b) },
  U32: { bytes: 4, decode: (b) => new Uint32Array(b) },
  I16: { bytes: 2, decode: (b) => new Int16Array(b) },
  U16: { bytes: 2, decode: (b) => new Uint16Array(b) },
  I8: { bytes: 1, decode: (b) => new Int8Array(b) },
  U8: { bytes: 1, decode: (b) => new Uint8Array(b) },
  BOOL: { bytes: 1, decode: (b) => new Uint8Array(b) },
}

/** IEEE 754 binary16: 1 sign bit, 5 exponent bits (bias 15), 10 fraction bits. */
export function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** bfloat16 is the upper half of a float32. */
function widenBfloat(half: Uint16Array): Float32Array {
  const words = Uint32Array.from(half, (bits) => bits << 16)
  return new Float32Array(words.buffer)
}
