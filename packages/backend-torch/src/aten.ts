import { UniDiagError } from '@unidiag/core/errors'
import type { Addon, NativeArgument, NativeResult } from './addon.js'
import { BFLOAT16 } from './dtypes.js'
import { TorchData } from './torch-data.js'

export type Argument = TorchData | number | boolean | string | null | undefined | readonly Argument[]

const RESULT_WORDS = 4096

// One libtorch and one JavaScript thread a process, so the addon and the results made since a kernel began are module state.
let addon: Addon | undefined
let made: TorchData[] | undefined
const results = new Int32Array(RESULT_WORDS)

/** The same function, whose lack of memory is a UniDiagError OUT_OF_MEMORY. */
function tellingOfMemory<A extends unknown[], R>(f: (...args: A) => R): (...args: A) => R {
  return (...args) => {
    try {
      return f(...args)
    } catch (cause) {
      const { code, message } = cause as { code?: string; message: string }
      if (code === 'TORCH_MEMORY') throw new UniDiagError('OUT_OF_MEMORY', message, { cause })
      throw cause
    }
  }
}

export function useAddon(value: Addon): void {
  value.share(results)
  const [call, run] = [tellingOfMemory(value.call), tellingOfMemory(value.run)]
  const [upload, download] = [tellingOfMemory(value.upload), tellingOfMemory(value.download)]
  const [queueRead, takeRead] = [tellingOfMemory(value.queueRead), tellingOfMemory(value.takeRead)]
  addon = { ...value, call, run, upload, download, queueRead, takeRead }
}

export function theAddon(): Addon {
  if (addon === undefined) throw new Error('The torch backend is not started: call startTorch() first.')
  return addon
}

let position = 0
let described = 0

function take(handle: number): TorchData {
  let data: TorchData
  if (described === -1) {
    const [code, ...shape] = theAddon().shape(handle)
    data = new TorchData(handle, shape, code!)
  } else {
    const code = results[position]!
    const rank = results[position + 1]!
    const shape = new Array<number>(rank)
    for (let i = 0; i < rank; i++) shape[i] = results[position + 2 + i]!
    position += 2 + rank
    data = new TorchData(handle, shape, code)
  }
  made?.push(data)
  return data
}

function plain(argument: Argument): NativeArgument {
  if (argument instanceof TorchData) return argument.handle
  return Array.isArray(argument) ? argument.map(plain) : (argument as NativeArgument)
}

/** The tensors of what a call gave back; undefined ones are left out. */
export function takeAll(result: NativeResult): TorchData[] {
  if (!Array.isArray(result)) return result === null ? [] : [take(result as number)]
  const all: TorchData[] = []
  for (const item of result) {
    if (typeof item === 'number') all.push(take(item))
    else all.push(...takeAll(item))
  }
  return all
}

// Names without a namespace are aten's.
function operatorId(name: string): number | undefined {
  const [operator, overload = ''] = name.split('.') as [string, string?]
  return theAddon().operator(operator.includes('::') ? operator : `aten::${operator}`, overload)
}

/** Whether this libtorch has the operator, for example `has('_fused_adamw_')`. */
export function has(name: string): boolean {
  return operatorId(name) !== undefined
}

/** The addon's number of an operator. @throws where this libtorch has none of that name */
export function idOf(name: string): number {
  const id = operatorId(name)
  if (id === undefined) throw new Error(`This libtorch has no operator ${name}.`)
  return id
}

/** Calls a function of the addon that computes, with tensors in place of their handles. */
export function natively(call: (id: number, ...args: NativeArgument[]) => NativeResult, id: number, args: readonly Argument[]): NativeResult {
  const count = args.length
  const values = new Array<NativeArgument>(count)
  for (let i = 0; i < count; i++) {
    const argument = args[i]
    values[i] = typeof argument === 'object' ? plain(argument) : argument
  }
  const result = call(id, ...values)
  position = 1
  described = results[0]!
  return result
}

function caller(name: string): (args: readonly Argument[]) => NativeResult {
  let id: number | undefined
  return (args) => {
    id ??= idOf(name)
    return natively(theAddon().call, id, args)
  }
}

/** A function that calls `aten::name` (with overload, as `add.Tensor`; or of another namespace, as `mkldnn::name`), positional by its schema; undefined means the default. */
export function aten(name: string): (...args: Argument[]) => TorchData {
  const call = caller(name)
  return (...args) => take(call(args) as number)
}

const toDtype = aten('to.dtype')

/** As `aten`, for an operator with several results or a list of tensors; undefined tensors are left out. */
export function atenList(name: string): (...args: Argument[]) => TorchData[] {
  const call = caller(name)
  return (...args) => takeAll(call(args))
}

/** As `aten`, for an operator that works in place and gives nothing new. */
export function atenVoid(name: string): (...args: Argument[]) => void {
  const call = caller(name)
  return (...args) => {
    call(args)
  }
}

/** A tensor from host data. */
export function upload(values: NodeJS.TypedArray, shape: readonly number[], code: number): TorchData {
  const data = new TorchData(theAddon().upload(values, shape, code), [...shape], code)
  made?.push(data)
  return data
}

export function release(data: TorchData): void {
  if (data.handle === 0) return
  const handle = data.handle
  data.handle = 0
  forgetLow(data)
  theAddon().release(handle)
}

/** A bfloat16 copy of `data`, which is kept with it until it dies or `forgetLow` is told that it changes. */
export function lowOf(data: TorchData): TorchData {
  if (data.low === undefined) {
    // Not the kernel's that happens to ask first.
    const outer = made
    made = undefined
    try {
      data.low = toDtype(data, BFLOAT16)
    } finally {
      made = outer
    }
  }
  return data.low
}

export function forgetLow(data: TorchData): void {
  if (data.low === undefined) return
  release(data.low)
  data.low = undefined
}

/** Runs `f` and releases every tensor it made, except those that `keep` names in its result. */
export function scoped<R>(f: () => R, keep: (result: R) => readonly TorchData[]): R {
  const outer = made
  const mine: TorchData[] = []
  made = mine
  let kept: readonly TorchData[] = []
  try {
    const result = f()
    kept = keep(result)
    return result
  } finally {
    made = outer
    for (const data of mine) if (!kept.includes(data)) release(data)
  }
}
