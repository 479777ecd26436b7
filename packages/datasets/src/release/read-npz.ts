import { readFile } from 'node:fs/promises'
import { fromBufferPromise } from 'yauzl'
import type { Fault } from './fault.js'

/** An array of bytes, row-major. */
export interface ByteArray {
  readonly shape: readonly number[]
  readonly data: Uint8Array
}

/** An array in numpy's format. @throws Error when it is not one of unsigned bytes, or is cut short */
export function readNpy(bytes: Uint8Array): ByteArray {
  const head = new TextDecoder('latin1').decode(bytes.subarray(0, 4096))
  if (!head.startsWith('\x93NUMPY')) throw new Error('not an array of numpy')
  const wide = bytes[6] > 1
  const start = wide ? 12 : 10
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const begin = start + (wide ? view.getUint32(8, true) : view.getUint16(8, true))
  const header = head.slice(start, begin)
  const shape = /'shape':\s*\(([\d, ]*)\)/.exec(header)?.[1]
  if (shape === undefined) throw new Error('the header of an array has no shape')
  if (!/'descr':\s*'\|?u1'/.test(header) || !/'fortran_order':\s*False/.test(header)) throw new Error('expected unsigned bytes in row order')
  const sizes = shape.split(',').flatMap((size) => (size.trim() === '' ? [] : [Number(size)]))
  const count = sizes.reduce((product, size) => product * size, 1)
  if (bytes.length - begin !== count) throw new Error(`expected ${count} bytes, found ${bytes.length - begin}`)
  return { shape: sizes, data: bytes.subarray(begin) }
}

/** The arrays of unsigned bytes of a `.npz` file by name; what cannot be read is a fault. */
export async function readNpz(file: string, faults: Fault[]): Promise<Map<string, ByteArray>> {
  const arrays = new Map<string, ByteArray>()
  try {
    const zip = await fromBufferPromise(await readFile(file), { lazyEntries: true })
    for await (const entry of zip.eachEntry()) {
      const chunks: Uint8Array[] = []
      for await (const chunk of await zip.openReadStreamPromise(entry)) chunks.push(chunk)
      arrays.set(entry.fileName.replace(/\.npy$/, ''), readNpy(Buffer.concat(chunks)))
    }
  } catch (error) {
    faults.push({ code: 'DATA_MALFORMED', file, reason: (error as Error).message })
  }
  return arrays
}
