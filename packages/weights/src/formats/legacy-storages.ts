import { Fault } from '../fault.js'
import { parseStorageId } from '../pickle/torch-builders.js'
import type { ElementType } from '../tensors/element-type.js'
import type { Storage } from '../tensors/tensor-view.js'
import type { RandomAccess } from './random-access.js'

/** Bytes in front of a storage: how many elements it has. */
const COUNT = 8

/** The storages behind the pickles of a legacy checkpoint. They are named first, and their places are known later. */
export class LegacyStorages {
  readonly #file: RandomAccess
  readonly #storages = new Map<string, LegacyStorage>()
  readonly #views = new Map<string, Storage>()

  constructor(file: RandomAccess) {
    this.#file = file
  }

  /** The storage of a persistent id, or the part of it that is meant. @throws Fault */
  readonly byId = (id: unknown): Storage => {
    const { key, type, elements, view } = parseStorageId(id)
    const storage = this.#storages.get(key) ?? new LegacyStorage(this.#file, type, elements)
    if (storage.type !== type || storage.elements !== elements) throw new Fault(`its storage ${key} has two types or sizes`)
    this.#storages.set(key, storage)
    if (!view) return storage
    const [viewKey, offset, size] = view
    if (offset + size > elements) throw new Fault(`a part of its storage ${key} reaches beyond it`)
    const at = offset * type.bytes
    const part = this.#views.get(viewKey) ?? { type, elements: size, read: (begin, end) => storage.read(at + begin, at + end) }
    this.#views.set(viewKey, part)
    return part
  }

  /** @param order keys of the storages as they follow each other from byte `at` @throws Fault */
  placeAt(at: number, order: unknown): void {
    if (!Array.isArray(order)) throw new Fault('it does not tell the order of its storages')
    let begin = at
    for (const key of order) {
      const storage = this.#storages.get(key)
      if (!storage) throw new Fault(`it lists storage ${key}, which no tensor uses`)
      storage.placeAt(begin + COUNT)
      begin = storage.end
    }
    for (const [key, storage] of this.#storages) if (!storage.isPlaced) throw new Fault(`its storage ${key} is missing`)
    if (begin > this.#file.size) throw new Fault(`it has ${this.#file.size} bytes, and its storages end at byte ${begin}; it may be cut off`)
  }
}

class LegacyStorage implements Storage {
  readonly type: ElementType
  readonly elements: number
  readonly #file: RandomAccess
  #begin: number | undefined
  #checked = false

  constructor(file: RandomAccess, type: ElementType, elements: number) {
    this.#file = file
    this.type = type
    this.elements = elements
  }

  get isPlaced(): boolean {
    return this.#begin !== undefined
  }

  get end(): number {
    return this.#begin! + this.elements * this.type.bytes
  }

  placeAt(begin: number): void {
    if (this.isPlaced) throw new Fault('it lists a storage twice')
    this.#begin = begin
  }

  async read(begin: number, end: number): Promise<ArrayBuffer> {
    const at = this.#begin!
    if (!this.#checked) {
      const count = new DataView(await this.#file.read(at - COUNT, at)).getBigInt64(0, true)
      if (count !== BigInt(this.elements)) throw new Fault(`a storage of ${this.elements} elements has ${count} in the file`)
      this.#checked = true
    }
    return this.#file.read(at + begin, at + end)
  }
}
