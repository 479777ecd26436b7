import {
  broadcast_util,
  getKernel,
  type KernelBackend,
  type KernelConfig,
  type KernelFunc,
  registerKernel,
  type TensorInfo,
  unregisterKernel,
  util,
} from '@tensorflow/tfjs-core'

type Call = Parameters<KernelFunc>[0]

/**
 * Kernels of tfjs's WebGPU backend that fail on sizes that training has, made whole.
 * @param buffers how many tensors a shader may have, its output included
 */
export function registerWebGpuKernels(buffers: number): void {
  replace('AddN', (original) => (call) => addInGroups(original, call, buffers - 1))
  replace('Sum', (original) => (call) => {
    const { x } = call.inputs as { x: TensorInfo }
    const { axis, keepDims } = call.attrs as unknown as { axis: number | number[]; keepDims: boolean }
    const axes = util.parseAxisParam(axis, x.shape)
    return zerosOfNothing(call, x, keepDims ? x.shape.map((n, i) => (axes.includes(i) ? 1 : n)) : x.shape.filter((_, i) => !axes.includes(i))) ?? original(call)
  })
  replace('BatchMatMul', (original) => (call) => {
    const { a, b } = call.inputs as { a: TensorInfo; b: TensorInfo }
    const { transposeA, transposeB } = call.attrs as unknown as { transposeA: boolean; transposeB: boolean }
    const leading = broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2))
    return zerosOfNothing(call, a, [...leading, a.shape.at(transposeA ? -1 : -2)!, b.shape.at(transposeB ? -2 : -1)!]) ?? original(call)
  })
  replace('UnsortedSegmentSum', (original) => (call) => {
    const { x, segmentIds } = call.inputs as { x: TensorInfo; segmentIds: TensorInfo }
    const { numSegments } = call.attrs as unknown as { numSegments: number }
    return zerosOfNothing(call, x, [numSegments, ...x.shape.slice(segmentIds.shape.length)]) ?? original(call)
  })
}

function replace(kernelName: string, by: (original: KernelFunc) => KernelFunc): void {
  const kernel = getKernel(kernelName, 'webgpu') as KernelConfig
  unregisterKernel(kernelName, 'webgpu')
  registerKernel({ ...kernel, kernelFunc: by(kernel.kernelFunc) })
}

/** tfjs binds all summands at once, more than a shader may have. */
function addInGroups(original: KernelFunc, call: Call, most: number): TensorInfo {
  const add = (inputs: readonly TensorInfo[]) => original({ ...call, inputs: inputs as never }) as TensorInfo
  const inputs = Object.values(call.inputs) as TensorInfo[]
  let total = add(inputs.slice(0, most))
  for (let at = most; at < inputs.length; at += most - 1) {
    const next = add([total, ...inputs.slice(at, at + most - 1)])
    ;(call.backend as KernelBackend).disposeData(total.dataId)
    total = next
  }
  return total
}

/** What sums of no number give; tfjs starts a shader that cannot be. */
function zerosOfNothing({ backend }: Call, x: TensorInfo, shape: number[]): TensorInfo | undefined {
  if (util.sizeFromShape(x.shape) > 0) return undefined
  const dataId = (backend as KernelBackend).write(new Float32Array(util.sizeFromShape(shape)), shape, 'float32')
  return { dataId, shape, dtype: 'float32' }
}
