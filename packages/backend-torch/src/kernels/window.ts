import type { backend_util } from '@tensorflow/tfjs-core'
import { aten } from '../aten.js'
import type { TorchData } from '../torch-data.js'
import { flatPadding } from './shape.js'

const permute = aten('permute')
const constantPad = aten('constant_pad_nd')
const slice = aten('slice.Tensor')

/** A sliding window over 2 or 3 spatial axes; every list has one number a spatial axis. */
export interface Window {
  readonly input: readonly number[]
  readonly output: readonly number[]
  readonly filter: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  readonly before: readonly number[]
  /** As much as the last window reaches beyond the input; less than tfjs's padding where that is not reached. */
  readonly after: readonly number[]
  readonly channelsLast: boolean
  readonly batch: number
  readonly inChannels: number
  /** The same padding on both sides that gives the same output, which libtorch's operators take as an argument. */
  readonly symmetric: readonly number[] | undefined
}

type Plain = Omit<Window, 'after' | 'symmetric'>

function complete(w: Plain): Window {
  const reach = w.filter.map((f, i) => (f - 1) * w.dilations[i]! + 1)
  const after = w.input.map((n, i) => Math.max(0, (w.output[i]! - 1) * w.strides[i]! + reach[i]! - n - w.before[i]!))
  const same = w.input.every((n, i) => {
    const pad = w.before[i]!
    return Math.floor((n + 2 * pad - reach[i]!) / w.strides[i]!) + 1 === w.output[i] && 2 * pad <= w.filter[i]!
  })
  return { ...w, after, symmetric: same ? w.before : undefined }
}

export function window2D(info: backend_util.Conv2DInfo): Window {
  return complete({
    input: [info.inHeight, info.inWidth],
    output: [info.outHeight, info.outWidth],
    filter: [info.filterHeight, info.filterWidth],
    strides: [info.strideHeight, info.strideWidth],
    dilations: [info.dilationHeight, info.dilationWidth],
    before: [info.padInfo.top, info.padInfo.left],
    channelsLast: info.dataFormat === 'channelsLast',
    batch: info.batchSize,
    inChannels: info.inChannels,
  })
}

export function window3D(info: backend_util.Conv3DInfo): Window {
  return complete({
    input: [info.inDepth, info.inHeight, info.inWidth],
    output: [info.outDepth, info.outHeight, info.outWidth],
    filter: [info.filterDepth, info.filterHeight, info.filterWidth],
    strides: [info.strideDepth, info.strideHeight, info.strideWidth],
    dilations: [info.dilationDepth, info.dilationHeight, info.dilationWidth],
    before: [info.padInfo.front, info.padInfo.top, info.padInfo.left],
    channelsLast: info.dataFormat === 'channelsLast',
    batch: info.batchSize,
    inChannels: info.inChannels,
  })
}

const axes = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)

/** [N, ...spatial, C] -> [N, C, ...spatial]: a view in libtorch's channels-last memory format. */
export function channelsFirst(x: TorchData, w: Window): TorchData {
  const rank = x.shape.length
  return w.channelsLast ? permute(x, [0, rank - 1, ...axes(1, rank - 1)]) : x
}

export function channelsBack(x: TorchData, w: Window): TorchData {
  const rank = x.shape.length
  return w.channelsLast ? permute(x, [0, ...axes(2, rank), 1]) : x
}

/** The padding that libtorch is told, after what it cannot be told has been added to the tensor by `padded`. */
export const padding = (w: Window): readonly number[] => w.symmetric ?? w.input.map(() => 0)

export function padded(x: TorchData, w: Window, value: number): TorchData {
  if (w.symmetric !== undefined) return x
  return constantPad(x, flatPadding(w.before.map((b, i) => [b, w.after[i]!] as const)), value)
}

export const paddedShape = (w: Window): number[] => w.input.map((n, i) => (w.symmetric === undefined ? n + w.before[i]! + w.after[i]! : n))

/** Takes the padding off a gradient again. */
export function cropped(dx: TorchData, w: Window): TorchData {
  if (w.symmetric !== undefined) return dx
  return w.input.reduce((y, n, i) => slice(y, i + 2, w.before[i], w.before[i]! + n), dx)
}
