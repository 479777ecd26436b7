import { backend_util } from '@tensorflow/tfjs-core'
import { aten } from '../aten.js'
import type { KernelTable } from '../kernel.js'
import { flatPadding } from './shape.js'

const reshape = aten('reshape')
const permute = aten('permute')
const pad = aten('constant_pad_nd')
const slice = aten('slice.Tensor')

export const spaceKernels: KernelTable = {
  SpaceToBatchND: ({ x }, { blockShape, paddings }) => {
    const count = blockShape.reduce((p: number, n: number) => p * n, 1)
    const all = [[0, 0], ...paddings] as [number, number][]
    while (all.length < x!.shape.length) all.push([0, 0])
    const padded = pad(x, flatPadding(all))
    const reshaped = backend_util.getReshaped(padded.shape, blockShape, count, false)
    const permuted = backend_util.getPermuted(reshaped.length, blockShape.length, false)
    return reshape(permute(reshape(padded, reshaped), permuted), backend_util.getReshapedPermuted(padded.shape, blockShape, count, false))
  },
  BatchToSpaceND: ({ x }, { blockShape, crops }) => {
    const count = blockShape.reduce((p: number, n: number) => p * n, 1)
    const reshaped = backend_util.getReshaped(x!.shape, blockShape, count)
    const permuted = backend_util.getPermuted(reshaped.length, blockShape.length)
    const whole = reshape(permute(reshape(x, reshaped), permuted), backend_util.getReshapedPermuted(x!.shape, blockShape, count))
    const begin = backend_util.getSliceBeginCoords(crops, blockShape.length)
    const size = backend_util.getSliceSize(whole.shape, crops, blockShape.length)
    return begin.reduce((y, b, axis) => slice(y, axis, b, b + size[axis]!), whole)
  },
  DepthToSpace: ({ x }, { blockSize, dataFormat }) => {
    const channelsLast = dataFormat === 'NHWC'
    const [n, h, w, c] = channelsLast ? x!.shape : [x!.shape[0], x!.shape[2], x!.shape[3], x!.shape[1]]
    const depth = c! / (blockSize * blockSize)
    if (!channelsLast) {
      const split = reshape(x, [n!, blockSize, blockSize, depth, h!, w!])
      return reshape(permute(split, [0, 3, 4, 1, 5, 2]), [n!, depth, h! * blockSize, w! * blockSize])
    }
    const split = reshape(x, [n!, h!, w!, blockSize, blockSize, depth])
    return reshape(permute(split, [0, 1, 3, 2, 4, 5]), [n!, h! * blockSize, w! * blockSize, depth])
  },
}
