import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu'
import {
  type BackendValues,
  getKernel,
  type KernelConfig,
  type NamedAttrMap,
  type NamedTensorInfoMap,
  registerKernel,
  type TensorInfo,
} from '@tensorflow/tfjs-core'
import { StringData } from '../string-data.js'
import type { TorchBackend } from '../torch-backend.js'

/** Kernels that libtorch has no operator for and that no training step needs: tfjs's own, on copies in host memory. */
export const hostKernels = [
  'Bincount',
  'BroadcastArgs',
  'CropAndResize',
  'DenseBincount',
  'Dilation2D',
  'Dilation2DBackpropFilter',
  'Dilation2DBackpropInput',
  'LowerBound',
  // Its numbers follow from its seed, which libtorch's generator would not reproduce.
  'Multinomial',
  'NonMaxSuppressionV3',
  'NonMaxSuppressionV4',
  'NonMaxSuppressionV5',
  'RaggedGather',
  'RaggedRange',
  'RaggedTensorToTensor',
  'RotateWithOffset',
  'SearchSorted',
  'SparseFillEmptyRows',
  'SparseReshape',
  'SparseSegmentMean',
  'SparseSegmentSum',
  'StaticRegexReplace',
  'StringNGrams',
  'StringSplit',
  'StringToHashBucketFast',
  'Transform',
  'Unique',
  'UpperBound',
] as const

let host: MathBackendCPU | undefined

function toHost(cpu: MathBackendCPU, backend: TorchBackend, info: TensorInfo): TensorInfo {
  // Some of tfjs's kernels ask their inputs for a rank, which a TensorInfo does not have.
  return Object.assign(cpu.makeTensorInfo(info.shape, info.dtype, backend.readSync(info.dataId) as never), { rank: info.shape.length })
}

function fromHost(cpu: MathBackendCPU, backend: TorchBackend, info: TensorInfo): TensorInfo {
  const values = cpu.readSync(info.dataId) as BackendValues
  cpu.disposeData(info.dataId)
  if (info.dtype === 'string') return backend.adopt(new StringData(values as Uint8Array[], info.shape)) as TensorInfo
  const id = backend.write(values, info.shape, info.dtype)
  return { dataId: id, shape: info.shape, dtype: info.dtype }
}

/** Runs a kernel of tfjs's cpu backend on copies, and brings the results back. */
export function runOnHost(name: string, backend: TorchBackend, inputs: NamedTensorInfoMap, attrs: NamedAttrMap | undefined): TensorInfo | TensorInfo[] {
  host ??= new MathBackendCPU()
  const cpu = host
  const kernel = getKernel(name, 'cpu')
  if (kernel === undefined || kernel === null) throw new Error(`The torch backend has no kernel ${name} for these dtypes.`)
  const made: TensorInfo[] = []
  const copy = (info: TensorInfo): TensorInfo => {
    const hosted = toHost(cpu, backend, info)
    made.push(hosted)
    return hosted
  }
  // Lists of tensors come as an array in place of the named inputs, or (ragged tensors) as one of them.
  const copyAll = (value: unknown): unknown => {
    if (value == null) return value
    if (Array.isArray(value)) return value.map(copyAll)
    return copy(value as TensorInfo)
  }
  const copies = Array.isArray(inputs) ? copyAll(inputs) : Object.fromEntries(Object.entries(inputs).map(([key, value]) => [key, copyAll(value)]))
  const result = kernel.kernelFunc({ inputs: copies as NamedTensorInfoMap, attrs: attrs as NamedAttrMap, backend: cpu })
  const back = Array.isArray(result) ? result.map((r) => fromHost(cpu, backend, r)) : fromHost(cpu, backend, result)
  for (const info of made) cpu.disposeData(info.dataId, true)
  return back
}

export function registerHostKernels(): void {
  for (const kernelName of hostKernels) {
    const config: KernelConfig = {
      kernelName,
      backendName: 'torch',
      kernelFunc: ({ inputs, attrs, backend }) => runOnHost(kernelName, backend as TorchBackend, inputs, attrs),
    }
    registerKernel(config)
  }
}
