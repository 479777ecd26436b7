import { createHash } from 'node:crypto'
import { appendFile, mkdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Parameters } from '@unidiag/core/nn/parameter'

const KEY_BYTES = 32

/** Rows of a score matrix on disk, in the order of the images: a hash of everything they depend on, then float32 numbers. */
export class ScoreFile {
  readonly #path: string
  readonly #key: Buffer

  /** @param parts what the scores depend on besides the weights */
  constructor(path: string, parameters: Parameters, parts: unknown) {
    this.#path = path
    const hash = createHash('sha256').update(JSON.stringify(parts))
    for (const { name, value } of parameters.all()) {
      const values = value.dataSync()
      hash.update(name).update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    }
    this.#key = hash.digest()
  }

  /** The whole rows that are there; a file of other weights or samples is begun anew, a row that was cut off is dropped. */
  async rows(width: number): Promise<Float32Array[]> {
    const found = await readFile(this.#path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
      return Buffer.alloc(0)
    })
    if (!found.subarray(0, KEY_BYTES).equals(this.#key)) {
      await mkdir(dirname(this.#path), { recursive: true })
      await writeFile(this.#path, this.#key)
      return []
    }
    const count = Math.floor((found.length - KEY_BYTES) / (4 * width))
    await truncate(this.#path, KEY_BYTES + 4 * width * count)
    return Array.from({ length: count }, (_, i) => {
      const from = found.byteOffset + KEY_BYTES + 4 * width * i
      return new Float32Array(found.buffer.slice(from, from + 4 * width))
    })
  }

  async append(row: Float32Array): Promise<void> {
    await appendFile(this.#path, new Uint8Array(row.buffer, row.byteOffset, row.byteLength))
  }
}
