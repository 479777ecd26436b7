import { CutOff, Fault } from '../fault.js'

const utf8 = new TextDecoder()

/** Reads the arguments of opcodes. Nothing is allocated on the word of a length: what is asked for has to be there. */
export class Cursor {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  at: number

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.at = at
  }

  /** A view of the next `length` bytes, not a copy. */
  take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.at) throw new CutOff(`it ends in the middle of a value of ${length} bytes`)
    this.at += length
    return this.#bytes.subarray(this.at - length, this.at)
  }

  #next(length: number): number {
    this.take(length)
    return this.at - length
  }

  u8(): number {
    return this.#view.getUint8(this.#next(1))
  }

  u16(): number {
    return this.#view.getUint16(this.#next(2), true)
  }

  i32(): number {
    return this.#view.getInt32(this.#next(4), true)
  }

  u32(): number {
    return this.#view.getUint32(this.#next(4), true)
  }

  u64(): number {
    const value = this.#view.getBigUint64(this.#next(8), true)
    if (value > Number.MAX_SAFE_INTEGER) throw new Fault(`it holds a value of ${value} bytes`)
    return Number(value)
  }

  f64(): number {
    return this.#view.getFloat64(this.#next(8))
  }

  utf8(length: number): string {
    return utf8.decode(this.take(length))
  }

  /** One character a byte, as Python 2 wrote its strings. */
  latin1(length: number): string {
    const bytes = this.take(length)
    // A TextDecoder for `latin1` is one for windows-1252, which differs from 0x80 to 0x9f.
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
  }

  /** Up to the end of the line, which is left out. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.at)
    if (end < 0) throw new CutOff('it ends in the middle of a line')
    const line = this.latin1(end - this.at)
    this.at++
    return line
  }
}
