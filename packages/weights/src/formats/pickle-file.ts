import { CutOff, Fault } from '../fault.js'
import { builders } from '../pickle/builders.js'
import { unpickle } from '../pickle/unpickle.js'
import { collectTensors } from '../tensors/collect-tensors.js'
import { LegacyStorages } from './legacy-storages.js'
import type { Opened } from './opened.js'
import type { RandomAccess } from './random-access.js'

/** What a torch checkpoint without a zip begins with, pickled. */
const TORCH_MAGIC = 0x1950a86a20f9469cfc6cn
const TORCH_PROTOCOL = 1001
/** First attempt at how long the pickles of a legacy checkpoint are; the storages behind them are not needed yet. */
const FIRST_WINDOW = 2 ** 16

/**
 * Opens a pickle of numpy arrays, or what torch.save wrote before 1.6: pickles of a magic number, a protocol, the machine, the object and
 * the order of the storages, followed by these.
 * @throws Fault
 */
export async function openPickle(file: RandomAccess): Promise<Opened> {
  for (let window = FIRST_WINDOW; ; window *= 2) {
    const end = Math.min(window, file.size)
    try {
      return parse(new Uint8Array(await file.read(0, end)), file)
    } catch (error) {
      if (!(error instanceof CutOff) || end === file.size) throw error
    }
  }
}

function parse(bytes: Uint8Array, file: RandomAccess): Opened {
  const storages = new LegacyStorages(file)
  const refused = builders(() => {
    throw new Fault('it refers to something outside of the pickle')
  })
  const first = unpickle(bytes, 0, refused)
  if (first.value !== TORCH_MAGIC) return { format: 'pickle', tensors: collectTensors(first.value), metadata: {} }
  const protocol = unpickle(bytes, first.end, refused)
  if (protocol.value !== TORCH_PROTOCOL) throw new Fault(`its torch protocol is ${protocol.value}; ${TORCH_PROTOCOL} is known`)
  const machine = unpickle(bytes, protocol.end, refused)
  if (machine.value instanceof Map && machine.value.get('little_endian') === false) throw new Fault('it was written on a big-endian machine')
  const object = unpickle(bytes, machine.end, builders(storages.byId))
  const order = unpickle(bytes, object.end, refused)
  storages.placeAt(order.end, order.value)
  return { format: 'torch-legacy', tensors: collectTensors(object.value), metadata: {} }
}
