import type { Dtype } from '@unidiag/core/io/dtype'
import { Fault } from '../fault.js'
import { type ElementType, readable, unreadable } from '../tensors/element-type.js'
import { columnMajor, memoryStorage, rowMajor, TensorView } from '../tensors/tensor-view.js'
import { isNaturals, Opaque, toBytes } from './values.js'

/** Type codes of numpy: kind and bytes. */
const dtypeOf: Readonly<Record<string, Dtype>> = {
  f8: 'F64',
  f4: 'F32',
  f2: 'F16',
  i8: 'I64',
  u8: 'U64',
  i4: 'I32',
  u4: 'U32',
  i2: 'I16',
  u2: 'U16',
  i1: 'I8',
  u1: 'U8',
  b1: 'BOOL',
}

/** A numpy dtype; its byte order arrives after it is made. */
export class NumpyDtype {
  readonly type: ElementType
  bigEndian = false

  constructor(code: unknown) {
    const name = String(code).replace(/^[<>|=]/, '')
    this.bigEndian = String(code).startsWith('>')
    this.type = Object.hasOwn(dtypeOf, name) ? readable(dtypeOf[name]) : unreadable(`numpy ${name}`, 1)
  }
}

/** A numpy array; its values arrive after it is made. */
export class NumpyArray {
  view: TensorView | undefined
}

function view(dtype: unknown, shape: unknown, fortran: boolean, data: unknown): TensorView {
  if (!(dtype instanceof NumpyDtype) || !isNaturals(shape)) throw new Fault('it holds a numpy array without a type or a shape')
  const { type, bigEndian } = dtype
  // Arrays of objects hold a list in place of bytes. They are listed, but cannot be read.
  if (!type.dtype) return new TensorView({ type, elements: Number.POSITIVE_INFINITY, read: () => Promise.reject(new Fault(`type ${type.name}`)) }, shape)
  const bytes = toBytes(data)
  if (!bytes) throw new Fault('it holds a numpy array without values')
  const storage = memoryStorage(type, bigEndian ? swapped(bytes, type.bytes) : bytes)
  return new TensorView(storage, shape, { strides: fortran ? columnMajor(shape) : rowMajor(shape) })
}

function swapped(bytes: Uint8Array, width: number): Uint8Array {
  const out = Buffer.from(bytes.subarray(0, bytes.length - (bytes.length % width)))
  if (width === 8) return out.swap64()
  if (width === 4) return out.swap32()
  return width === 2 ? out.swap16() : out
}

type Call = (args: readonly unknown[]) => unknown

const reconstruct: Call = () => new NumpyArray()
const fromBuffer: Call = ([data, dtype, shape, order]) => {
  const array = new NumpyArray()
  array.view = view(dtype, shape, order === 'F', data)
  return array
}
const scalar: Call = () => new Opaque('numpy scalar')

/** The functions that numpy names in pickles; numpy 2 moved its `core` to `_core`. */
export const numpyCalls: Readonly<Record<string, Call>> = {
  'numpy.dtype': ([code]) => new NumpyDtype(code),
  ...Object.fromEntries(
    ['numpy.core', 'numpy._core'].flatMap((core) => [
      [`${core}.multiarray._reconstruct`, reconstruct],
      [`${core}.multiarray.scalar`, scalar],
      [`${core}.numeric._frombuffer`, fromBuffer],
    ]),
  ),
}

/** BUILD on what `numpyCalls` made. @returns false when it is something else */
export function buildNumpy(value: unknown, state: unknown): boolean {
  if (value instanceof NumpyDtype) {
    if (Array.isArray(state) && state[1] === '>') value.bigEndian = true
    return true
  }
  if (!(value instanceof NumpyArray)) return false
  // (version, shape, dtype, is Fortran, data); the version came later than the rest.
  const [shape, dtype, fortran, data] = Array.isArray(state) ? state.slice(-4) : []
  value.view = view(dtype, shape, fortran === true || fortran === 1, data)
  return true
}
