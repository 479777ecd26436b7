/** A table of a FlatBuffers message, the coding of the metadata of Arrow files. Reading outside of the message throws a RangeError. */
export class FlatTable {
  readonly #view: DataView
  readonly #at: number

  constructor(view: DataView, at: number) {
    this.#view = view
    this.#at = at
  }

  /** The table that a message begins with. */
  static root(bytes: Uint8Array): FlatTable {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return new FlatTable(view, view.getUint32(0, true))
  }

  /** Where the field is; `undefined` when it has its default. */
  #field(index: number): number | undefined {
    const table = this.#at - this.#view.getInt32(this.#at, true)
    const slot = 4 + 2 * index
    const offset = slot < this.#view.getUint16(table, true) ? this.#view.getUint16(table + slot, true) : 0
    return offset === 0 ? undefined : this.#at + offset
  }

  byte(index: number, otherwise = 0): number {
    const at = this.#field(index)
    return at === undefined ? otherwise : this.#view.getUint8(at)
  }

  short(index: number, otherwise = 0): number {
    const at = this.#field(index)
    return at === undefined ? otherwise : this.#view.getInt16(at, true)
  }

  int(index: number, otherwise = 0): number {
    const at = this.#field(index)
    return at === undefined ? otherwise : this.#view.getInt32(at, true)
  }

  long(index: number): number {
    const at = this.#field(index)
    return at === undefined ? 0 : Number(this.#view.getBigInt64(at, true))
  }

  table(index: number): FlatTable | undefined {
    const at = this.#field(index)
    return at === undefined ? undefined : new FlatTable(this.#view, at + this.#view.getUint32(at, true))
  }

  text(index: number): string {
    const at = this.#field(index)
    if (at === undefined) return ''
    const start = at + this.#view.getUint32(at, true)
    const bytes = new Uint8Array(this.#view.buffer, this.#view.byteOffset + start + 4, this.#view.getUint32(start, true))
    return new TextDecoder().decode(bytes)
  }

  tables(index: number): FlatTable[] {
    return this.#elements(index, 4, (at) => new FlatTable(this.#view, at + this.#view.getUint32(at, true)))
  }

  /** Structs of `size` bytes as the 64-bit (or, at `ints`, 32-bit) numbers at the given places in them. */
  structs(index: number, size: number, longs: readonly number[], ints: readonly number[] = []): number[][] {
    const number = (at: number, place: number): number =>
      ints.includes(place) ? this.#view.getInt32(at + place, true) : Number(this.#view.getBigInt64(at + place, true))
    return this.#elements(index, size, (at) => longs.map((place) => number(at, place)))
  }

  #elements<T>(index: number, size: number, read: (at: number) => T): T[] {
    const at = this.#field(index)
    if (at === undefined) return []
    const start = at + this.#view.getUint32(at, true)
    const count = this.#view.getUint32(start, true)
    // Memory is taken only for what is there.
    if (start + 4 + count * size > this.#view.byteLength) throw new RangeError('a list leaves the message')
    return Array.from({ length: count }, (_, i) => read(start + 4 + i * size))
  }
}
