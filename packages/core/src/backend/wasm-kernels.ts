import { type KernelFunc, registerKernel, type TensorInfo, type UnsortedSegmentSumAttrs } from '@tensorflow/tfjs-core'
import type { WasmBackend } from './wasm-heap.js'

/** Registers what tfjs's wasm backend lacks for training, and faster kernels for UniDiag's operators. */
export function registerWasmKernels(): void {
  register('UnsortedSegmentSum', ({ inputs, attrs, backend }) => {
    const { x, segmentIds } = inputs as Record<string, TensorInfo>
    const { numSegments } = attrs as unknown as UnsortedSegmentSumAttrs
    const out = (backend as WasmBackend).makeOutput([numSegments, ...x.shape.slice(segmentIds.shape.length)], 'float32')
    const [from, ids, to] = [x, segmentIds, out].map((info) => (backend as WasmBackend).typedArrayFromHeap(info))
    const width = to.length / numSegments
    to.fill(0)
    for (let i = 0; i < ids.length; i++) {
      if (ids[i] < 0) continue
      const [a, b] = [i * width, ids[i] * width]
      for (let c = 0; c < width; c++) to[b + c] += from[a + c]
    }
    return out
  })
}

const register = (kernelName: string, kernelFunc: KernelFunc): void => registerKernel({ kernelName, backendName: 'wasm', kernelFunc })
