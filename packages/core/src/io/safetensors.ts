import { type FileHandle, open } from 'node:fs/promises'
import type { FileTensor } from '../nn/parameter.js'
import { atomicWrite } from './atomic-write.js'
import { type Dtype, dtypes, type StoredData } from './dtype.js'
import { faultsOf, headerLength, parseHeader } from './safetensors-header.js'

/** A tensor as read: 16-bit floats are widened to float32, booleans are bytes, every other type keeps its own array. */
export interface StoredTensor {
  readonly dtype: Dtype
  readonly shape: readonly number[]
  readonly data: StoredData
}

export interface SafetensorsFile {
  readonly tensors: ReadonlyMap<string, StoredTensor>
  readonly metadata: Readonly<Record<string, string>>
}

/**
 * Reads a safetensors file: 8 bytes of header length, a JSON header, little-endian data. Files from anywhere are taken; nothing is
 * allocated on the word of the header alone.
 * @param o.only reads just these tensors (by name); the header is checked as a whole all the same
 * @throws UniDiagError CHECKPOINT_INVALID naming the file and the fault
 */
export async function readSafetensors(file: string, { only = () => true }: { only?: (name: string) => boolean } = {}): Promise<SafetensorsFile> {
  const fault = faultsOf(file)
  let handle: FileHandle
  try {
    handle = await open(file, 'r')
  } catch (error) {
    throw fault(error instanceof Error ? error.message : String(error), error)
  }
  try {
    const { size } = await handle.stat()
    const length = headerLength(new DataView(await read(handle, 0, Math.min(8, size))), size, fault)
    const { entries, metadata } = parseHeader(new Uint8Array(await read(handle, 8, length)), size - 8 - length, fault)
    const tensors = new Map<string, StoredTensor>()
    for (const { name, dtype, shape, begin, end } of entries)
      if (only(name)) tensors.set(name, { dtype, shape, data: dtypes[dtype].decode(await read(handle, 8 + length + begin, end - begin)) })
    return { tensors, metadata }
  } finally {
    await handle.close()
  }
}

/** The floating-point tensors of a file as float32; integer buffers (`position_ids`) are left out. @throws UniDiagError CHECKPOINT_INVALID */
export async function readFloat32(file: string): Promise<Map<string, FileTensor>> {
  const { tensors } = await readSafetensors(file)
  const out = new Map<string, FileTensor>()
  for (const [name, { shape, data }] of tensors) {
    if (data instanceof Float32Array) out.set(name, { shape, data })
    else if (data instanceof Float64Array) out.set(name, { shape, data: new Float32Array(data) })
  }
  return out
}

/** Writes float32 tensors atomically: a kill leaves the old file or the new one. */
export async function writeSafetensors(file: string, tensors: ReadonlyMap<string, FileTensor>, metadata: Readonly<Record<string, string>> = {}): Promise<void> {
  let end = 0
  const entries = Array.from(tensors, ([name, { shape, data }]) => {
    const begin = end
    end += data.byteLength
    return [name, { dtype: 'F32', shape, data_offsets: [begin, end] }] as const
  })
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries([['__metadata__', metadata], ...entries])))
  // Spaces pad the header so that the data is aligned for readers that map the file.
  const header = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20)
  new DataView(header.buffer).setBigUint64(0, BigInt(header.length - 8), true)
  header.set(json, 8)
  await atomicWrite(file, async (handle) => {
    await handle.appendFile(header)
    for (const { data } of tensors.values()) await handle.appendFile(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  })
}

/** Largest read in one call (the system takes less than 2 GiB). */
const CHUNK = 2 ** 30

async function read(handle: FileHandle, position: number, length: number): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(bytes, done, Math.min(CHUNK, length - done), position + done)
    if (bytesRead === 0) throw new Error(`the file was cut while it was read, at byte ${position + done}`)
    done += bytesRead
  }
  return bytes.buffer
}
