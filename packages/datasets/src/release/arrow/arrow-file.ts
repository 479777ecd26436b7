import type { FileHandle } from 'node:fs/promises'
import { type ArrowField, arrowFields } from './arrow-schema.js'
import { FlatTable } from './flat-buffer.js'

const MAGIC = 'ARROW1'
/** Footers and headers of batches hold places and names, nothing large. */
const MAX_METADATA = 2 ** 26
const RECORD_BATCH = 3

/** Where bytes of a cell are in the file. */
export interface Place {
  readonly offset: number
  readonly size: number
}

export type ArrowRow = Readonly<Record<string, unknown>>

interface Region {
  readonly offset: number
  readonly length: number
}

/** The parts of a batch, which columns take one after another. */
interface Batch {
  readonly rows: number
  readonly body: Region
  readonly nodes: number[][]
  readonly buffers: Region[]
}

async function read(file: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  const { bytesRead } = await file.read(bytes, 0, length, offset)
  if (bytesRead < length) throw new Error('the file ends too early')
  return bytes
}

async function readFooter(file: FileHandle): Promise<FlatTable> {
  const { size } = await file.stat()
  if (size === 0) throw new Error('the file is empty')
  const ascii = async (at: number): Promise<string> => (size < 24 ? '' : new TextDecoder('latin1').decode(await read(file, at, MAGIC.length)))
  if ((await ascii(0)) !== MAGIC) throw new Error('no Arrow file (a stream has to be written as a file, RecordBatchFileWriter)')
  if ((await ascii(size - MAGIC.length)) !== MAGIC) throw new Error('the file ends too early')
  const end = size - MAGIC.length - 4
  const length = new DataView((await read(file, end, 4)).buffer).getInt32(0, true)
  if (length <= 0 || length > Math.min(end, MAX_METADATA)) throw new Error('the file is damaged')
  return FlatTable.root(await read(file, end - length, length))
}

async function readBatch(file: FileHandle, [offset, metadata, bodyLength]: number[]): Promise<Batch> {
  const { size } = await file.stat()
  const body = { offset: offset + metadata, length: bodyLength }
  if (offset < 0 || metadata < 8 || metadata > MAX_METADATA || bodyLength < 0 || body.offset + bodyLength > size) throw new Error('the file is damaged')
  const head = await read(file, offset, metadata)
  // Files older than version 0.15 have no mark of continuation.
  const start = new DataView(head.buffer).getUint32(0, true) === 0xffffffff ? 8 : 4
  const message = FlatTable.root(head.subarray(start))
  const header = message.table(2)
  if (message.byte(1) !== RECORD_BATCH || !header) throw new Error('the file is damaged')
  if (header.table(3)) throw new Error('compressed Arrow files are not supported: write them without compression')
  const buffers = header.structs(2, 16, [0, 8]).map(([at, length]) => {
    if (at < 0 || length < 0 || at + length > bodyLength) throw new Error('the file is damaged')
    return { offset: body.offset + at, length }
  })
  return { rows: header.long(0), body, nodes: header.structs(1, 16, [0, 8]), buffers }
}

/** Takes the cells of one column out of a batch. Bytes are places in the file, the rest is read. */
class Columns {
  readonly #file: FileHandle
  readonly #batch: Batch
  #node = 0
  #buffer = 0

  constructor(file: FileHandle, batch: Batch) {
    this.#file = file
    this.#batch = batch
  }

  async take(field: ArrowField, wanted: boolean): Promise<unknown[]> {
    const [length, nulls] = this.#batch.nodes[this.#node++] ?? [-1, 0]
    const validity = this.#next()
    const skip = (buffers: number): unknown[] => {
      this.#buffer += buffers
      return []
    }
    if (length < 0 || field.kind === 'other') throw new Error(`the column "${field.name}" has a type that is not supported`)
    if (!wanted) {
      if (field.kind === 'list') {
        skip(1)
        return this.take(field.child!, false)
      }
      return skip(field.kind === 'text' || field.kind === 'bytes' ? 2 : 1)
    }
    const valid = nulls > 0 ? await this.#load(validity, Math.ceil(length / 8)) : undefined
    const cells = await this.#values(field, length)
    return valid ? cells.map((cell, i) => ((valid[i >> 3] >> (i & 7)) & 1 ? cell : null)) : cells
  }

  async #values(field: ArrowField, length: number): Promise<unknown[]> {
    if (field.kind === 'int' || field.kind === 'float') {
      const bytes = await this.#load(this.#next(), length * field.width)
      return Array.from({ length }, (_, i) => numberAt(bytes, i * field.width, field))
    }
    const offsets = await this.#offsets(field.width, length)
    if (field.kind === 'list') {
      const cells = await this.take(field.child!, true)
      if (offsets[length] > cells.length) throw new Error('the file is damaged')
      return Array.from({ length }, (_, i) => cells.slice(offsets[i], offsets[i + 1]))
    }
    const data = this.#next()
    if (offsets[length] > data.length) throw new Error('the file is damaged')
    if (field.kind === 'bytes') return Array.from({ length }, (_, i): Place => ({ offset: data.offset + offsets[i], size: offsets[i + 1] - offsets[i] }))
    const bytes = await this.#load(data, offsets[length])
    const decoder = new TextDecoder()
    return Array.from({ length }, (_, i) => decoder.decode(bytes.subarray(offsets[i], offsets[i + 1])))
  }

  /** Where each cell begins, and the end of the last. */
  async #offsets(width: number, length: number): Promise<number[]> {
    const region = this.#next()
    // A column without rows may leave them out.
    if (length === 0) return [0]
    const bytes = await this.#load(region, (length + 1) * width)
    const offsets = Array.from({ length: length + 1 }, (_, i) => numberAt(bytes, i * width, { kind: 'int', width }))
    if (offsets[0] < 0 || offsets.some((offset, i) => i > 0 && offset < offsets[i - 1])) throw new Error('the file is damaged')
    return offsets
  }

  #next(): Region {
    const region = this.#batch.buffers[this.#buffer++]
    if (!region) throw new Error('the file is damaged')
    return region
  }

  #load({ offset, length }: Region, needed: number): Promise<Uint8Array> {
    if (needed > length) throw new Error('the file is damaged')
    return read(this.#file, offset, needed)
  }
}

function numberAt(bytes: Uint8Array, at: number, { kind, width }: Pick<ArrowField, 'kind' | 'width'>): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (kind === 'float') return width === 8 ? view.getFloat64(at, true) : view.getFloat32(at, true)
  return width === 8 ? Number(view.getBigInt64(at, true)) : width === 4 ? view.getInt32(at, true) : width === 2 ? view.getInt16(at, true) : view.getInt8(at)
}

/** Names of the columns of an Arrow file, and its rows, those of one batch in memory at a time. */
export interface ArrowFile {
  readonly columns: readonly string[]
  rows(wanted: readonly string[]): AsyncGenerator<ArrowRow>
}

/**
 * Opens an Arrow file (the IPC file format). Bytes are not read: a cell of a binary column is its place in the file, so that files larger than memory can be
 * used. @throws Error when the file is not one, is damaged, or has compressed batches
 */
export async function openArrow(file: FileHandle): Promise<ArrowFile> {
  const footer = await readFooter(file)
  const schema = footer.table(1)
  if (!schema) throw new Error('the file is damaged')
  const fields = arrowFields(schema)
  const blocks = footer.structs(3, 24, [0, 8, 16], [8])
  return {
    columns: fields.map(({ name }) => name),
    async *rows(wanted) {
      for (const block of blocks) {
        const batch = await readBatch(file, block)
        const columns = new Columns(file, batch)
        const cells = new Map<string, unknown[]>()
        const last = fields.findLastIndex(({ name }) => wanted.includes(name))
        for (const field of fields.slice(0, last + 1)) {
          const taken = await columns.take(field, wanted.includes(field.name))
          if (wanted.includes(field.name)) cells.set(field.name, taken)
        }
        if ([...cells.values()].some(({ length }) => length !== batch.rows)) throw new Error('the file is damaged')
        for (let row = 0; row < batch.rows; row++) yield Object.fromEntries([...cells].map(([name, values]) => [name, values[row]]))
      }
    },
  }
}
