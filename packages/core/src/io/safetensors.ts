import type { FileTensor } from '../nn/parameter.js'

export type Dtype = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'U64' | 'I32' | 'U32' | 'I16' | 'U16' | 'I8' | 'U8' | 'BOOL'

/** A tensor as read: 16-bit floats are widened to float32, booleans are bytes, every other type keeps its own array. */
export interface StoredTensor {
  readonly dtype: Dtype
  readonly shape: readonly number[]
  readonly data: Float64Array | Float32Array | BigInt64Array | BigUint64Array | Int32Array | Uint32Array | Int16Array | Uint16Array | Int8Array | Uint8Array
}

export interface SafetensorsFile {
  readonly tensors: ReadonlyMap<string, StoredTensor>
  readonly metadata: Readonly<Record<string, string>>
}

/** @param o.only reads just these tensors (by name); the header is checked as a whole all the same @throws UniDiagError CHECKPOINT_INVALID */
export function readSafetensors(_file: string, _o: { only?: (name: string) => boolean } = {}): Promise<SafetensorsFile> {
  throw new Error('not yet')
}

/** The floating-point tensors of a file as float32; integer buffers (`position_ids`) are left out. @throws UniDiagError CHECKPOINT_INVALID */
export function readFloat32(_file: string): Promise<Map<string, FileTensor>> {
  throw new Error('not yet')
}

/** Writes float32 tensors atomically: a kill leaves the old file or the new one. */
export function writeSafetensors(_file: string, _tensors: ReadonlyMap<string, FileTensor>, _metadata: Readonly<Record<string, string>> = {}): Promise<void> {
  throw new Error('not yet')
}
