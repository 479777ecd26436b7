import type { Dtype } from '@unidiag/core/io/dtype'

/** Type of the elements of a tensor in a file. */
export interface ElementType {
  /** As in safetensors (`F32`) where it can be read, else the name that its own system gives it (`complex64`). */
  readonly name: string
  /** Bytes of an element. */
  readonly bytes: number
  /** Undefined for types that cannot be read: complex numbers, quantised values, objects. */
  readonly dtype: Dtype | undefined
}

const widths: Readonly<Record<Dtype, number>> = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, U64: 8, I32: 4, U32: 4, I16: 2, U16: 2, I8: 1, U8: 1, BOOL: 1 }

export const readable = (dtype: Dtype): ElementType => ({ name: dtype, bytes: widths[dtype], dtype })
export const unreadable = (name: string, bytes: number): ElementType => ({ name, bytes, dtype: undefined })
