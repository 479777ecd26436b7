import { Fault } from '../fault.js'
import type { Builders } from './machine.js'
import { buildNumpy, numpyCalls } from './numpy-builders.js'
import { torchCalls } from './torch-builders.js'
import { Global, Opaque, toBytes } from './values.js'

type Call = (args: readonly unknown[]) => unknown

const placeholder = (path: string): [string, Call] => [path, () => new Opaque(path)]
const list: Call = ([items]) => (Array.isArray(items) ? items : [])
const set: Call = (args) => new Set(list(args) as unknown[])
const dictionary: Call = ([pairs]) =>
  new Map(Array.isArray(pairs) ? pairs.filter(Array.isArray).map(([key, value]) => [key, value]) : pairs instanceof Map ? pairs : [])

/** Calls of plain Python. What has no use here becomes a placeholder. */
const pythonCalls: Readonly<Record<string, Call>> = {
  'collections.OrderedDict': dictionary,
  'collections.defaultdict': () => new Map(),
  'collections.Counter': dictionary,
  'collections.deque': list,
  '_codecs.encode': ([text]) => toBytes(text),
  'copyreg._reconstructor': ([made]) => new Opaque(made instanceof Global ? made.path : 'object'),
  ...Object.fromEntries(
    ['builtins', '__builtin__'].flatMap((module): [string, Call][] => [
      [`${module}.set`, set],
      [`${module}.frozenset`, set],
      [`${module}.bytes`, () => new Uint8Array(0)],
      [`${module}.bytearray`, ([value]) => toBytes(value) ?? new Uint8Array(0)],
      ...['complex', 'range', 'slice', 'object'].map((name) => placeholder(`${module}.${name}`)),
    ]),
  ),
  ...Object.fromEntries(
    [
      'torch.device',
      ...['Path', 'PosixPath', 'WindowsPath', 'PurePath', 'PurePosixPath', 'PureWindowsPath'].map((name) => `pathlib.${name}`),
      ...['date', 'datetime', 'time', 'timedelta', 'timezone'].map((name) => `datetime.${name}`),
    ].map(placeholder),
  ),
}

const calls: Readonly<Record<string, Call>> = { ...pythonCalls, ...torchCalls, ...numpyCalls, 'copy_reg._reconstructor': pythonCalls['copyreg._reconstructor'] }

/** Builds tensors, arrays and plain containers, and refuses every other call. @param persistent makes storages of their ids */
export const builders = (persistent: Builders['persistent']): Builders => ({
  call(path, args) {
    if (!Object.hasOwn(calls, path))
      throw new Fault(`it wants to call ${path}, which is not one of the functions that build tensors and plain data`, {
        fix: 'Do not open it with anything that runs pickles unless you trust where it comes from; if you do, save its state_dict alone and import that.',
      })
    return calls[path](args)
  },
  build: buildNumpy,
  persistent,
})
