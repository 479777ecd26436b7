import { backend_util } from '@tensorflow/tfjs-core'
import { aten, atenList, upload } from '../aten.js'
import { FLOAT32, INT64 } from '../dtypes.js'
import type { Attributes, KernelTable } from '../kernel.js'
import type { TorchData } from '../torch-data.js'
import { channelsBack, channelsFirst, cropped, padded, paddedShape, padding, type Window, window2D, window3D } from './window.js'

const max = { 2: atenList('max_pool2d_with_indices'), 3: atenList('max_pool3d_with_indices') }
const maxBackward = { 2: aten('max_pool2d_with_indices_backward'), 3: aten('max_pool3d_with_indices_backward') }
const average = { 2: aten('avg_pool2d'), 3: aten('avg_pool3d') }
const averageBackward = { 2: aten('avg_pool2d_backward'), 3: aten('avg_pool3d_backward') }
const nanToNum = aten('nan_to_num')
const clampMin = aten('clamp_min')
const zeros = aten('zeros')
const div = aten('div.Tensor')
const ones = aten('ones')
const toDtype = aten('to.dtype')
const floorDivide = aten('div.Scalar_mode')
const remainder = aten('remainder.Scalar')
const addScalar = aten('add.Scalar')
const mulScalar = aten('mul.Scalar')
const add = aten('add.Tensor')

const LOWEST = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY] as const

const dims = (w: Window): 2 | 3 => w.input.length as 2 | 3

function poolMax(x: TorchData, w: Window): { input: TorchData; y: TorchData; indices: TorchData } {
  // tfjs's maximum passes NaN over.
  const input = padded(nanToNum(channelsFirst(x, w), ...LOWEST), w, Number.NEGATIVE_INFINITY)
  const [y, indices] = max[dims(w)](input, w.filter, w.strides, padding(w), w.dilations, false)
  return { input, y: y!, indices: indices! }
}

function maxGradient(dy: TorchData, x: TorchData, w: Window): TorchData {
  const { input, indices } = poolMax(x, w)
  const dx = maxBackward[dims(w)](channelsFirst(dy, w), input, w.filter, w.strides, padding(w), w.dilations, false, indices)
  return channelsBack(cropped(dx, w), w)
}

/** The share of each window that is not padding; libtorch counts it itself where it is told the padding. */
function share(w: Window): TorchData | undefined {
  if (w.symmetric !== undefined) return undefined
  const inside = padded(ones([1, 1, ...w.input], FLOAT32), w, 0)
  // A window that is all padding has the mean 0, not 0 / 0.
  return clampMin(average[dims(w)](inside, w.filter, w.strides, padding(w), false, true), 1e-9)
}

function poolAverage(x: TorchData, w: Window): TorchData {
  const input = padded(channelsFirst(x, w), w, 0)
  const y = average[dims(w)](input.code === FLOAT32 ? input : toDtype(input, FLOAT32), w.filter, w.strides, padding(w), false, false)
  const part = share(w)
  return channelsBack(part === undefined ? y : div(y, part), w)
}

function averageGradient(dy: TorchData, x: TorchData, w: Window): TorchData {
  const input = padded(channelsFirst(x, w), w, 0)
  const gradient = channelsFirst(dy, w)
  const part = share(w)
  const dx = averageBackward[dims(w)](part === undefined ? gradient : div(gradient, part), input, w.filter, w.strides, padding(w), false, false)
  return channelsBack(cropped(dx, w), w)
}

const range = (n: number, shape: readonly number[], factor: number): TorchData =>
  upload(
    BigInt64Array.from({ length: n }, (_, i) => BigInt(i * factor)),
    shape,
    INT64,
  )

/** libtorch's position in the padded plane as tfjs's position in [H, W, C], or in [N, H, W, C]. */
function flatPosition(indices: TorchData, w: Window, withBatch: boolean): TorchData {
  const [height, width] = w.input
  const wide = paddedShape(w)[1]!
  const offset = w.symmetric === undefined ? w.before : [0, 0]
  const row = addScalar(floorDivide(indices, wide, 'floor'), -offset[0]!)
  const column = addScalar(remainder(indices, wide), -offset[1]!)
  const inPlane = mulScalar(add(mulScalar(row, width!), column), w.inChannels)
  const channel = range(w.inChannels, [w.inChannels, 1, 1], 1)
  const position = add(inPlane, channel)
  return withBatch ? add(position, range(w.batch, [w.batch, 1, 1, 1], height! * width! * w.inChannels)) : position
}

const at2D = (x: TorchData, a: Attributes): Window =>
  window2D(backend_util.computePool2DInfo(x.shape as never, a.filterSize, a.strides, 1, a.pad, a.dimRoundingMode))
const at3D = (x: TorchData, a: Attributes): Window =>
  window3D(backend_util.computePool3DInfo(x.shape as never, a.filterSize, a.strides, 1, a.pad, a.dimRoundingMode, a.dataFormat))

/** What needs no window: no output at all, or (as tfjs has it, whatever the padding) one that is the input. */
function trivial(x: TorchData, w: Window): TorchData | undefined {
  if (w.output.some((n) => n <= 0)) return zeros([w.batch, ...w.output.map((n) => Math.max(0, n)), w.inChannels], FLOAT32)
  return w.filter.every((n) => n === 1) && w.input.every((n, i) => n === w.output[i]) ? x : undefined
}

const maxOf = (x: TorchData, w: Window): TorchData => trivial(x, w) ?? channelsBack(poolMax(x, w).y, w)
const averageOf = (x: TorchData, w: Window): TorchData => trivial(x, w) ?? poolAverage(x, w)

export const poolKernels: KernelTable = {
  MaxPool: ({ x }, a) => maxOf(x!, at2D(x!, a)),
  MaxPool3D: ({ x }, a) => maxOf(x!, at3D(x!, a)),
  MaxPoolGrad: ({ dy, input }, a) => maxGradient(dy!, input!, at2D(input!, a)),
  MaxPool3DGrad: ({ dy, input }, a) => maxGradient(dy!, input!, at3D(input!, a)),
  AvgPool: ({ x }, a) => averageOf(x!, at2D(x!, a)),
  AvgPool3D: ({ x }, a) => averageOf(x!, at3D(x!, a)),
  AvgPoolGrad: ({ dy, input }, a) => averageGradient(dy!, input!, at2D(input!, a)),
  AvgPool3DGrad: ({ dy, input }, a) => averageGradient(dy!, input!, at3D(input!, a)),
  MaxPoolWithArgmax: ({ x }, a) => {
    const w = at2D(x!, a)
    const { y, indices } = poolMax(x!, w)
    return [channelsBack(y, w), channelsBack(flatPosition(indices, w, a.includeBatchInIndex), w)]
  },
}
