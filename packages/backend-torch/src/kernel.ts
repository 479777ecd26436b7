import { type KernelConfig, type NamedAttrMap, type NamedTensorInfoMap, registerKernel, type TensorInfo } from '@tensorflow/tfjs-core'
import { aten, scoped } from './aten.js'
import { codeOf, FLOAT32 } from './dtypes.js'
import { runOnHost } from './kernels/host.js'
import { StringData } from './string-data.js'
import { threadsFor } from './threads.js'
import type { TorchBackend } from './torch-backend.js'
import { sizeOf, type TorchData } from './torch-data.js'

/** tfjs's inputs by name, as libtorch tensors; absent optional inputs are undefined. */
export type Inputs = Readonly<Record<string, TorchData>>
// biome-ignore lint/suspicious/noExplicitAny: attributes are checked by tfjs's operators, each with its own type.
export type Attributes = any
export type Compute = (inputs: Inputs, attributes: Attributes) => TorchData | TorchData[]
export type KernelTable = Readonly<Record<string, Compute>>

const toDtype = aten('to.dtype')

// What tfjs has no dtype for goes out as its nearest: int64 (indices, counts) as int32, float64 as float32.
function outgoing(data: TorchData): TorchData {
  if (data.code === FLOAT32) return data
  const code = codeOf(data.dtype)
  return data.code === code ? data : toDtype(data, code)
}

function adopt(backend: TorchBackend, data: TorchData): TensorInfo {
  if (!data.adopted) return backend.adopt(data)
  // A kernel's input, given back as it is.
  data.refCount++
  return data
}

const single = (result: TorchData | TorchData[]): readonly TorchData[] => (Array.isArray(result) ? result : [result])

export function runKernel(
  name: string,
  compute: Compute,
  backend: TorchBackend,
  inputs: NamedTensorInfoMap,
  attributes: NamedAttrMap | undefined,
): TensorInfo | TensorInfo[] {
  if (attributes?.dtype === 'string') return runOnHost(name, backend, inputs, attributes)
  const named: Record<string, TorchData> = {}
  let strings = false
  let elements = 0
  const take = (info: TensorInfo): TorchData => {
    const data = backend.held(info)
    if (data instanceof StringData) strings = true
    else elements += sizeOf(data.shape)
    return data as TorchData
  }
  for (const key in inputs) {
    const info = inputs[key]
    if (info == null) continue
    // UniDiag's kernels for all parameters at once, and tfjs's for ragged tensors, take lists.
    named[key] = Array.isArray(info) ? (info.map(take) as never) : take(info)
  }
  if (strings) return runOnHost(name, backend, inputs, attributes)
  threadsFor(elements)
  const result = scoped(() => {
    const out = compute(named, attributes ?? {})
    return Array.isArray(out) ? out.map(outgoing) : outgoing(out)
  }, single)
  return Array.isArray(result) ? result.map((data) => adopt(backend, data)) : adopt(backend, result)
}

/** Registers a table of kernels for the backend `torch`. */
export function registerTable(table: KernelTable): void {
  for (const [kernelName, compute] of Object.entries(table)) {
    const config: KernelConfig = {
      kernelName,
      backendName: 'torch',
      kernelFunc: ({ inputs, attrs, backend }) => runKernel(kernelName, compute, backend as TorchBackend, inputs, attrs),
    }
    registerKernel(config)
  }
}
