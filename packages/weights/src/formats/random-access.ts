import { type FileHandle, open } from 'node:fs/promises'
import { CutOff, Fault } from '../fault.js'

/** Largest read in one call (the system takes less than 2 GiB). */
const CHUNK = 2 ** 30

/** A file that is read in parts. */
export class RandomAccess {
  readonly path: string
  readonly size: number
  readonly #handle: FileHandle

  private constructor(path: string, handle: FileHandle, size: number) {
    this.path = path
    this.#handle = handle
    this.size = size
  }

  /** @throws Fault */
  static async open(path: string): Promise<RandomAccess> {
    try {
      const handle = await open(path, 'r')
      const stat = await handle.stat()
      if (stat.isFile()) return new RandomAccess(path, handle, stat.size)
      await handle.close()
    } catch (cause) {
      throw new Fault(cause instanceof Error ? cause.message : String(cause), { cause })
    }
    throw new Fault('it is no file')
  }

  /** @throws CutOff when the file does not reach from `begin` to `end` */
  async read(begin: number, end: number): Promise<ArrayBuffer> {
    if (!(begin >= 0 && end <= this.size)) throw new CutOff(`it has ${this.size} bytes, and should have ${end} at least; it may be cut off`)
    const bytes = new Uint8Array(end - begin)
    for (let done = 0; done < bytes.length; ) {
      const { bytesRead } = await this.#handle.read(bytes, done, Math.min(CHUNK, bytes.length - done), begin + done)
      if (bytesRead === 0) throw new CutOff(`it was cut while it was read, at byte ${begin + done}`)
      done += bytesRead
    }
    return bytes.buffer
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}
