import type { Addon, NativeArgument, NativeResult } from './addon.js'
import { TorchData } from './torch-data.js'

export type Argument = TorchData | number | boolean | string | null | undefined | readonly Argument[]

const RESULT_WORDS = 4096

// One libtorch and one JavaScript thread a process, so the addon and the results made since a kernel began are module state.
let addon: Addon | undefined
let made: TorchData[] | undefined
const results = new Int32Array(RESULT_WORDS)

export function useAddon(value: Addon): void {
  addon = value
  addon.share(results)
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

function takeAll(result: NativeResult[]): TorchData[] {
  const out: TorchData[] = []
  for (const item of result) {
    if (Array.isArray(item)) out.push(...takeAll(item))
    else if (item !== null) out.push(take(item as number))
  }
  return out
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

function caller(name: string): (args: readonly Argument[]) => NativeResult {
  let id: number | undefined
  return (args) => {
    const native = theAddon()
    if (id === undefined) {
      id = operatorId(name)
      if (id === undefined) throw new Error(`This libtorch has no operator ${name}.`)
    }
    const count = args.length
    const values = new Array<NativeArgument>(count)
    for (let i = 0; i < count; i++) {
      const argument = args[i]
      values[i] = typeof argument === 'object' ? plain(argument) : argument
    }
    const result = native.call(id, ...values)
    position = 1
    described = results[0]!
    return result
  }
}

/** A function that calls `aten::name` (with overload, as `add.Tensor`; or of another namespace, as `mkldnn::name`), positional by its schema; undefined means the default. */
export function aten(name: string): (...args: Argument[]) => TorchData {
  const call = caller(name)
  return (...args) => take(call(args) as number)
}

/** As `aten`, for an operator with several results or a list of tensors; undefined tensors are left out. */
export function atenList(name: string): (...args: Argument[]) => TorchData[] {
  const call = caller(name)
  return (...args) => takeAll(call(args) as NativeResult[])
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
  theAddon().release(handle)
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
