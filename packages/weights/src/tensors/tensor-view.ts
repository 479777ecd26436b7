import { dtypes } from '@unidiag/core/io/dtype'
import type { StoredTensor } from '@unidiag/core/io/safetensors'
import { Fault } from '../fault.js'
import type { ElementType } from './element-type.js'

/** A run of elements in a file or in memory; several tensors may look at the same one. */
export interface Storage {
  readonly type: ElementType
  readonly elements: number
  /** Bytes `begin` to `end` of it, little-endian, in a buffer of exactly that size. */
  read(begin: number, end: number): Promise<ArrayBuffer>
}

/** Elements of a view that repeats them (a stride of 0) beyond which it is taken for an attack. */
const MOST_REPEATED = 2 ** 24

/** As many as torch and numpy have. */
const MOST_AXES = 64

/** A tensor in a file: which elements of a storage, in which order. Nothing is read before `load`. */
export class TensorView {
  readonly storage: Storage
  readonly shape: readonly number[]
  /** Element that is first, and distance in elements between neighbours of each axis. */
  readonly offset: number
  readonly strides: readonly number[]
  readonly size: number

  /** @throws Fault when the view does not lie within its storage */
  constructor(storage: Storage, shape: readonly number[], { offset = 0, strides = rowMajor(shape) }: { offset?: number; strides?: readonly number[] } = {}) {
    this.storage = storage
    this.shape = shape
    this.offset = offset
    this.strides = strides
    this.size = shape.includes(0) ? 0 : shape.reduce((a, b) => a * b, 1)
    if (shape.length > MOST_AXES || strides.length !== shape.length) throw new Fault(`it holds a tensor of ${shape.length} sizes and ${strides.length} strides`)
    const what = `a tensor of shape [${shape}] and strides [${strides}] at element ${offset}`
    if (this.size > 0 && !(this.#end <= storage.elements)) throw new Fault(`${what} reaches beyond its storage of ${storage.elements} elements`)
    if (this.size > Math.max(storage.elements, MOST_REPEATED)) throw new Fault(`${what} repeats ${storage.elements} elements too often`)
  }

  get type(): ElementType {
    return this.storage.type
  }

  /** Views with the same key look at the same elements of a storage in the same order. */
  get key(): string {
    return `${this.offset} ${this.shape} ${this.strides}`
  }

  /** One beyond the last element. */
  get #end(): number {
    return this.shape.reduce((end, size, axis) => end + (size - 1) * this.strides[axis], this.offset) + 1
  }

  /** Reads the elements in row-major order. @throws Fault for types that cannot be read */
  async load(): Promise<StoredTensor> {
    const { dtype, bytes, name } = this.type
    if (!dtype) throw new Fault(`its elements are of type ${name}, which cannot be read`)
    const { shape } = this
    if (this.size === 0) return { dtype, shape, data: dtypes[dtype].decode(new ArrayBuffer(0)) }
    const buffer = await this.storage.read(this.offset * bytes, this.#end * bytes)
    const contiguous = rowMajor(shape).every((stride, axis) => stride === this.strides[axis] || shape[axis] === 1)
    return { dtype, shape, data: dtypes[dtype].decode(contiguous ? buffer : this.#gather(buffer, bytes)) }
  }

  #gather(buffer: ArrayBuffer, bytes: number): ArrayBuffer {
    const from = asWords(buffer, bytes)
    const gathered = new ArrayBuffer(this.size * bytes)
    const to = asWords(gathered, bytes)
    const index = this.shape.map(() => 0)
    let source = 0
    for (let i = 0; i < this.size; i++) {
      to[i] = from[source]
      for (let axis = index.length - 1; axis >= 0; axis--) {
        source += this.strides[axis]
        if (++index[axis] < this.shape[axis]) break
        source -= this.shape[axis] * this.strides[axis]
        index[axis] = 0
      }
    }
    return gathered
  }
}

/** Strides of a tensor whose elements follow each other. */
export function rowMajor(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1)
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1] * shape[axis + 1]
  return strides
}

/** Strides of a Fortran array. */
export const columnMajor = (shape: readonly number[]): number[] => rowMajor(shape.toReversed()).reverse()

function asWords(buffer: ArrayBuffer, bytes: number): { [index: number]: number | bigint } {
  if (bytes === 8) return new BigUint64Array(buffer)
  if (bytes === 4) return new Uint32Array(buffer)
  return bytes === 2 ? new Uint16Array(buffer) : new Uint8Array(buffer)
}

/** A storage in memory. @param data little-endian */
export const memoryStorage = (type: ElementType, data: Uint8Array): Storage => ({
  type,
  elements: Math.floor(data.length / type.bytes),
  // A copy: the buffer of a Buffer may be a pool with memory of others.
  read: async (begin, end) => new Uint8Array(data.subarray(begin, end)).buffer,
})
