import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu'
import { type BackendValues, getKernel, type KernelConfig, type NamedAttrMap, type NamedTensorInfoMap, registerKernel, type TensorInfo } from '@tensorflow/tfjs-core'
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
  return cpu.makeTensorInfo(info.shape, info.dtype, backend.readSync(info.dataId) as never)
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
  const copies: NamedTensorInfoMap = {}
  for (const [key, info] of Object.entries(inputs)) if (info != null) copies[key] = toHost(cpu, backend, info)
  const result = kernel.kernelFunc({ inputs: copies, attrs: attrs as NamedAttrMap, backend: cpu })
  const back = Array.isArray(result) ? result.map((r) => fromHost(cpu, backend, r)) : fromHost(cpu, backend, result)
  for (const info of Object.values(copies)) if (info != null) cpu.disposeData(info.dataId, true)
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
