import { UniDiagError } from '@unidiag/core/errors'
import type { StoredTensor } from '@unidiag/core/io/safetensors'
import { Fault } from './fault.js'
import type { Opened, WeightsFormat } from './formats/opened.js'
import { openPickle } from './formats/pickle-file.js'
import { RandomAccess } from './formats/random-access.js'
import { openSafetensors } from './formats/safetensors.js'
import { openTorchZip } from './formats/torch-zip.js'
import type { Storage } from './tensors/tensor-view.js'

export type { WeightsFormat } from './formats/opened.js'

/** What a file says about a tensor. */
export interface TensorEntry {
  /** As in safetensors (`F32`); types that cannot be read have the name of their own system (`complex64`). */
  readonly dtype: string
  readonly shape: readonly number[]
}

export interface Weights {
  readonly format: WeightsFormat
  /** By name; the names of nested containers are joined by dots (`state_dict.itm_head.fc.weight`). */
  readonly tensors: ReadonlyMap<string, StoredTensor>
  /** Texts of a safetensors file. */
  readonly metadata: Readonly<Record<string, string>>
}

/** An open weights file. Only what is read is in memory. */
export class WeightsFile {
  readonly file: string
  readonly format: WeightsFormat
  readonly entries: ReadonlyMap<string, TensorEntry>
  readonly metadata: Readonly<Record<string, string>>
  readonly #opened: Opened
  readonly #access: RandomAccess

  constructor(file: string, access: RandomAccess, opened: Opened) {
    this.file = file
    this.format = opened.format
    this.metadata = opened.metadata
    this.entries = new Map(Array.from(opened.tensors, ([name, { type, shape }]) => [name, { dtype: type.name, shape }]))
    this.#opened = opened
    this.#access = access
  }

  /** @throws UniDiagError CHECKPOINT_INVALID */
  async read(name: string): Promise<StoredTensor> {
    const view = this.#opened.tensors.get(name)
    if (!view) throw invalid(this.file, `it holds no tensor called ${name}`)
    try {
      return await view.load()
    } catch (error) {
      throw error instanceof Fault ? invalid(this.file, `tensor ${name}: ${error.message}`, error) : error
    }
  }

  /** The tensors that `only` takes. Those that are the same elements of the file share their data. @throws UniDiagError CHECKPOINT_INVALID */
  async readAll(only: (name: string) => boolean = () => true): Promise<Map<string, StoredTensor>> {
    const known = new Map<Storage, Map<string, StoredTensor>>()
    const out = new Map<string, StoredTensor>()
    let budget = MOST_GROWTH * this.#access.size + SMALL
    for (const [name, { storage, key, size }] of this.#opened.tensors) {
      if (!only(name)) continue
      const same = known.get(storage) ?? new Map<string, StoredTensor>()
      known.set(storage, same)
      let tensor = same.get(key)
      if (!tensor) {
        budget -= size * storage.type.bytes
        if (budget < 0) throw invalid(this.file, `its tensors need more than ${MOST_GROWTH} times the size of the file`)
        tensor = await this.read(name)
        same.set(key, tensor)
      }
      out.set(name, tensor)
    }
    return out
  }

  close(): Promise<void> {
    return this.#access.close()
  }
}

/** How much larger than the file its tensors may be when all are read; overlapping views can ask for any amount. */
const MOST_GROWTH = 8
const SMALL = 2 ** 26

/**
 * Opens a file of weights, whatever wrote it: safetensors, PyTorch checkpoints (zip and legacy, Lightning's among them), TorchScript
 * archives, pickles of numpy arrays. Nothing in the file is ever run.
 * @throws UniDiagError CHECKPOINT_INVALID naming the file and the reason
 */
export async function openWeights(file: string): Promise<WeightsFile> {
  let access: RandomAccess | undefined
  try {
    access = await RandomAccess.open(file)
    const opened = await chooseFormat(file, new Uint8Array(await access.read(0, Math.min(16, access.size))))(access)
    return new WeightsFile(file, access, opened)
  } catch (error) {
    await access?.close()
    throw error instanceof Fault ? invalid(file, error.message, error) : error
  }
}

/**
 * Reads the tensors of a file of weights.
 * @param o.only reads just these, by name
 * @throws UniDiagError CHECKPOINT_INVALID naming the file and the reason
 */
export async function readWeights(file: string, { only }: { readonly only?: (name: string) => boolean } = {}): Promise<Weights> {
  const weights = await openWeights(file)
  try {
    return { format: weights.format, tensors: await weights.readAll(only), metadata: weights.metadata }
  } finally {
    await weights.close()
  }
}

function chooseFormat(file: string, head: Uint8Array): (access: RandomAccess) => Promise<Opened> {
  const starts = (...bytes: number[]) => bytes.every((byte, i) => head[i] === byte)
  if (starts(0x50, 0x4b, 0x03, 0x04)) return openTorchZip
  // Eight bytes of length, then JSON.
  if (file.endsWith('.safetensors') || head[8] === 0x7b) return openSafetensors
  // Pickles of protocol 2 and later begin with 0x80; of the older ones, a dictionary or a list with a mark, or one that is empty.
  if (head[0] === 0x80 || [...'(}]c'].some((code) => starts(code.charCodeAt(0)))) return openPickle
  throw new Fault(`it is ${head.length === 0 ? 'empty' : 'neither safetensors nor a PyTorch, TorchScript or pickle file'}`)
}

function invalid(file: string, what: string, fault?: Fault): UniDiagError {
  return new UniDiagError('CHECKPOINT_INVALID', `${file}: ${what}`, { cause: fault?.cause, ...(fault?.fix && { fix: fault.fix }) })
}
