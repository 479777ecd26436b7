import { Fault } from '../fault.js'
import { builders } from '../pickle/builders.js'
import { parseStorageId } from '../pickle/torch-builders.js'
import { unpickle } from '../pickle/unpickle.js'
import { collectTensors } from '../tensors/collect-tensors.js'
import type { Storage } from '../tensors/tensor-view.js'
import type { Opened } from './opened.js'
import type { RandomAccess } from './random-access.js'
import { ZipArchive } from './zip-archive.js'

/**
 * Opens what torch.save writes since 1.6, and TorchScript archives: a zip with `<root>/data.pkl` and the storages `<root>/data/<key>`.
 * The code of a TorchScript archive is not read.
 * @throws Fault
 */
export async function openTorchZip(file: RandomAccess): Promise<Opened> {
  const archive = await ZipArchive.open(file)
  const pickle = archive.names.find((name) => /^([^/]+\/)?data\.pkl$/.test(name))
  if (pickle === undefined) throw new Fault('it is a zip archive without data.pkl, so torch has not written it')
  const root = pickle.slice(0, -'data.pkl'.length)
  if (archive.sizeOf(`${root}byteorder`) !== undefined && text(await archive.read(`${root}byteorder`)) === 'big')
    throw new Fault('it was written on a big-endian machine')
  const storages = new Map<string, Storage>()
  const persistent = (id: unknown): Storage => {
    const { key, type, elements } = parseStorageId(id)
    const name = `${root}data/${key}`
    const size = archive.sizeOf(name)
    if (size === undefined) throw new Fault(`its storage ${key} is missing`)
    if (size < elements * type.bytes)
      throw new Fault(`its storage ${key} has ${size} bytes, ${elements} elements of type ${type.name} need ${elements * type.bytes}`)
    // One object a storage, so that views of the same elements are seen to be the same.
    const storage = storages.get(key) ?? { type, elements, read: (begin, end) => archive.read(name, begin, end) }
    if (storage.type !== type || storage.elements !== elements) throw new Fault(`its storage ${key} has two types or sizes`)
    storages.set(key, storage)
    return storage
  }
  const { value } = unpickle(new Uint8Array(await archive.read(pickle)), 0, builders(persistent))
  const isScript = archive.names.some((name) => name === `${root}constants.pkl` || name.startsWith(`${root}code/`))
  return { format: isScript ? 'torchscript' : 'torch-zip', tensors: collectTensors(value), metadata: {} }
}

const text = (bytes: ArrayBuffer): string => new TextDecoder().decode(bytes).trim()
