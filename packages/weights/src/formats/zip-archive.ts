import { inflateRawSync } from 'node:zlib'
import { type Entry, fromRandomAccessReaderPromise, RandomAccessReader, type ZipFile } from 'yauzl'
import { Fault } from '../fault.js'
import type { RandomAccess } from './random-access.js'

const STORED = 0
const DEFLATED = 8

/** Largest compressed entry that is unpacked, into memory. torch does not compress tensors; archives that were packed again do. */
const LARGEST_UNPACKED = 2 ** 30

/** yauzl's own reader of files ends the process when an archive points outside of itself. */
class CheckedReader extends RandomAccessReader {
  readonly #file: RandomAccess

  constructor(file: RandomAccess) {
    super()
    this.#file = file
  }

  override read(buffer: Buffer, offset: number, length: number, position: number, callback: (error: Error | null) => void): void {
    this.#file.read(position, position + length).then((bytes) => {
      buffer.set(new Uint8Array(bytes), offset)
      callback(null)
    }, callback)
  }
}

/** The entries of a zip archive. Stored ones are read in parts, without the rest of the file; zip64 is understood. */
export class ZipArchive {
  readonly #file: RandomAccess
  readonly #zip: ZipFile
  readonly #entries: ReadonlyMap<string, Entry>
  readonly #begins = new Map<string, number>()

  private constructor(file: RandomAccess, zip: ZipFile, entries: ReadonlyMap<string, Entry>) {
    this.#file = file
    this.#zip = zip
    this.#entries = entries
  }

  /** @throws Fault */
  static async open(file: RandomAccess): Promise<ZipArchive> {
    try {
      const zip = await fromRandomAccessReaderPromise(new CheckedReader(file), file.size, { autoClose: false, lazyEntries: true })
      const entries = new Map<string, Entry>()
      for await (const entry of zip.eachEntry()) {
        // Which of the two counts would depend on the reader.
        if (entries.has(entry.fileName)) throw new Fault(`its archive has two entries called ${entry.fileName}`)
        entries.set(entry.fileName, entry)
      }
      return new ZipArchive(file, zip, entries)
    } catch (cause) {
      throw asFault(cause)
    }
  }

  get names(): readonly string[] {
    return [...this.#entries.keys()]
  }

  /** Bytes of an entry once unpacked; undefined when there is none of that name. */
  sizeOf(name: string): number | undefined {
    return this.#entries.get(name)?.uncompressedSize
  }

  /** Bytes `begin` to `end` of an entry. @throws Fault */
  async read(name: string, begin = 0, end = this.sizeOf(name)): Promise<ArrayBuffer> {
    const entry = this.#entries.get(name)
    if (!entry || end === undefined) throw new Fault(`its archive has no entry called ${name}`)
    const { compressionMethod: method, compressedSize, uncompressedSize } = entry
    const at = await this.#begin(entry)
    if (method === STORED) return this.#file.read(at + begin, at + end)
    if (method !== DEFLATED) throw new Fault(`entry ${name} of its archive is compressed by method ${method}`)
    if (uncompressedSize > LARGEST_UNPACKED) throw new Fault(`entry ${name} of its archive is compressed, and ${uncompressedSize} bytes large`)
    const packed = new Uint8Array(await this.#file.read(at, at + compressedSize))
    try {
      const unpacked = inflateRawSync(packed, { maxOutputLength: Math.max(1, uncompressedSize) })
      if (unpacked.length === uncompressedSize) return new Uint8Array(unpacked.subarray(begin, end)).buffer
    } catch (cause) {
      throw new Fault(`entry ${name} of its archive is damaged`, { cause })
    }
    throw new Fault(`entry ${name} of its archive is damaged`)
  }

  async #begin(entry: Entry): Promise<number> {
    let begin = this.#begins.get(entry.fileName)
    if (begin === undefined) {
      try {
        begin = (await this.#zip.readLocalFileHeaderPromise(entry, { minimal: true })).fileDataStart
      } catch (cause) {
        throw asFault(cause)
      }
      this.#begins.set(entry.fileName, begin)
    }
    return begin
  }
}

const asFault = (cause: unknown): Fault =>
  cause instanceof Fault ? cause : new Fault(`its archive is damaged: ${cause instanceof Error ? cause.message : cause}`, { cause })
