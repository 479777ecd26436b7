import { Fault } from '../fault.js'
import { type ElementType, readable, unreadable } from '../tensors/element-type.js'
import { type Storage, TensorView } from '../tensors/tensor-view.js'
import { Global, isNatural, isNaturals } from './values.js'

/** Storage classes of torch. An untyped storage counts bytes; the tensors on it name their type. */
const storageTypes: Readonly<Record<string, ElementType>> = {
  DoubleStorage: readable('F64'),
  FloatStorage: readable('F32'),
  HalfStorage: readable('F16'),
  BFloat16Storage: readable('BF16'),
  LongStorage: readable('I64'),
  IntStorage: readable('I32'),
  ShortStorage: readable('I16'),
  CharStorage: readable('I8'),
  ByteStorage: readable('U8'),
  BoolStorage: readable('BOOL'),
  UntypedStorage: readable('U8'),
  ComplexFloatStorage: unreadable('complex64', 8),
  ComplexDoubleStorage: unreadable('complex128', 16),
  QInt8Storage: unreadable('qint8', 1),
  QUInt8Storage: unreadable('quint8', 1),
  QInt32Storage: unreadable('qint32', 4),
}

/** Types that have no storage class of their own. */
const untypedTypes: Readonly<Record<string, ElementType>> = {
  uint16: readable('U16'),
  uint32: readable('U32'),
  uint64: readable('U64'),
  float8_e4m3fn: unreadable('float8_e4m3fn', 1),
  float8_e5m2: unreadable('float8_e5m2', 1),
}

/** What the persistent id of a storage says. */
export interface StorageId {
  readonly type: ElementType
  readonly key: string
  readonly elements: number
  /** Key, first element and number of elements of a part of the storage (checkpoints before torch 0.4). */
  readonly view: readonly [key: string, offset: number, elements: number] | undefined
}

/** `('storage', class, key, device, elements[, view])` @throws Fault */
export function parseStorageId(id: unknown): StorageId {
  const [kind, storageClass, key, , elements, view] = Array.isArray(id) ? id : []
  if (kind !== 'storage') throw new Fault('it refers to something outside of the pickle that is no storage')
  const className = storageClass instanceof Global ? storageClass.path.slice(storageClass.path.lastIndexOf('.') + 1) : ''
  if (!Object.hasOwn(storageTypes, className)) throw new Fault(`it holds a storage of the unknown class ${className || typeof storageClass}`)
  if (typeof key !== 'string' || !isNatural(elements)) throw new Fault('it holds a storage without a key or a size')
  return { type: storageTypes[className], key, elements, view: parseStorageView(view) }
}

function parseStorageView(view: unknown): StorageId['view'] {
  if (view === null || view === undefined) return undefined
  const [key, offset, elements] = Array.isArray(view) ? view : []
  if (typeof key !== 'string' || !isNatural(offset) || !isNatural(elements)) throw new Fault('it holds a part of a storage without a place')
  return [key, offset, elements]
}

const isStorage = (value: unknown): value is Storage => typeof value === 'object' && value !== null && 'read' in value && 'elements' in value

function rebuildTensor([storage, offset, shape, strides]: readonly unknown[]): TensorView {
  if (!isStorage(storage) || !isNatural(offset) || !isNaturals(shape) || !isNaturals(strides))
    throw new Fault('it holds a tensor without a storage, an offset, a shape or strides')
  return new TensorView(storage, shape, { offset, strides })
}

/** `_rebuild_tensor_v3(storage, offset, shape, strides, requires_grad, hooks, dtype, metadata)` on an untyped storage */
function rebuildUntyped(args: readonly unknown[]): TensorView {
  const [storage, , , , , , dtype] = args
  const name = dtype instanceof Global ? dtype.path.replace(/^torch\./, '') : ''
  if (!isStorage(storage) || !Object.hasOwn(untypedTypes, name)) throw new Fault(`it holds a tensor of the unknown type ${name || typeof dtype}`)
  const type = untypedTypes[name]
  return rebuildTensor([{ type, elements: Math.floor(storage.elements / type.bytes), read: storage.read.bind(storage) } satisfies Storage, ...args.slice(1)])
}

type Call = (args: readonly unknown[]) => unknown

/** The functions that torch names in checkpoints, and what is done in their place. Gradients, hooks and devices are left out. */
export const torchCalls: Readonly<Record<string, Call>> = {
  'torch._utils._rebuild_tensor': rebuildTensor,
  'torch._utils._rebuild_tensor_v2': rebuildTensor,
  'torch._utils._rebuild_tensor_v3': rebuildUntyped,
  'torch._utils._rebuild_parameter': ([tensor]) => tensor,
  'torch._utils._rebuild_parameter_with_state': ([tensor]) => tensor,
  'torch._tensor._rebuild_from_type_v2': ([rebuild, , args]) => {
    const path = rebuild instanceof Global ? rebuild.path : ''
    if (!Object.hasOwn(torchCalls, path) || !Array.isArray(args)) throw new Fault(`it rebuilds a tensor by ${path || 'something'}, which is not known here`)
    return torchCalls[path](args)
  },
  'torch.Size': ([sizes]) => sizes,
  // Lists of a TorchScript archive; their types are told apart by name.
  ...Object.fromEntries(
    ['build_intlist', 'build_tensorlist', 'build_doublelist', 'build_boollist', 'restore_type_tag'].map((name) => [
      `torch.jit._pickle.${name}`,
      ([value]: readonly unknown[]) => value,
    ]),
  ),
}
