import { aten, upload } from '../aten.js'
import { FLOAT32, INT32 } from '../dtypes.js'
import type { Attributes, KernelTable } from '../kernel.js'
import type { TorchData } from '../torch-data.js'

const select = aten('index_select')
const lerp = aten('lerp.Tensor')
const zeros = aten('zeros')
const indexAdd = aten('index_add')
const sub = aten('sub.Tensor')
const mul = aten('mul.Tensor')
const toDtype = aten('to.dtype')

/** For every new row (or column): the two old ones beside it, and how far it is from the first. */
interface Neighbours {
  readonly low: TorchData
  readonly high: TorchData
  readonly fraction: TorchData
}

const scaleOf = (from: number, to: number, alignCorners: boolean): number => (alignCorners && to > 1 ? (from - 1) / (to - 1) : from / to)

function sources(from: number, to: number, { alignCorners, halfPixelCenters }: Attributes): number[] {
  const scale = scaleOf(from, to, alignCorners)
  return Array.from({ length: to }, (_, i) => (halfPixelCenters ? scale * (i + 0.5) - 0.5 : scale * i))
}

function neighbours(axis: number, from: number, to: number, a: Attributes): Neighbours {
  const at = sources(from, to, a)
  const low = at.map((s) => Math.max(0, Math.floor(s)))
  const shape = [0, 1, 2, 3].map((i) => (i === axis ? to : 1))
  return {
    low: upload(Int32Array.from(low), [to], INT32),
    high: upload(
      Int32Array.from(at, (s) => Math.max(0, Math.min(from - 1, Math.ceil(s)))),
      [to],
      INT32,
    ),
    fraction: upload(
      Float32Array.from(at, (s, i) => s - low[i]!),
      shape,
      FLOAT32,
    ),
  }
}

function nearest(from: number, to: number, a: Attributes): TorchData {
  const scale = scaleOf(from, to, a.alignCorners)
  const at = Int32Array.from({ length: to }, (_, i) => {
    const s = a.halfPixelCenters ? scale * (i + 0.5) : scale * i
    return Math.max(0, Math.min(from - 1, a.alignCorners ? Math.round(s) : Math.floor(s)))
  })
  return upload(at, [to], INT32)
}

const AXES = [1, 2]
const real = (x: TorchData): TorchData => (x.code === FLOAT32 ? x : toDtype(x, FLOAT32))

/** What `spread` adds to each old row, gathered again: the adjoint of selecting rows. */
const collect = (dy: TorchData, axis: number, from: number, index: TorchData): TorchData =>
  indexAdd(
    zeros(
      dy.shape.map((n, i) => (i === axis ? from : n)),
      FLOAT32,
    ),
    axis,
    index,
    dy,
  )

export const resizeKernels: KernelTable = {
  ResizeBilinear: ({ images }, a) =>
    AXES.reduce((y, axis) => {
      const { low, high, fraction } = neighbours(axis, images!.shape[axis]!, a.size[axis - 1], a)
      return lerp(select(y, axis, low), select(y, axis, high), fraction)
    }, real(images!)),
  ResizeBilinearGrad: ({ images, dy }, a) =>
    AXES.reduce((gradient, axis) => {
      const from = images!.shape[axis]!
      const { low, high, fraction } = neighbours(axis, from, dy!.shape[axis]!, a)
      const toHigh = mul(gradient, fraction)
      return indexAdd(collect(sub(gradient, toHigh), axis, from, low), axis, high, toHigh)
    }, real(dy!)),
  ResizeNearestNeighbor: ({ images }, a) => AXES.reduce((y, axis) => select(y, axis, nearest(images!.shape[axis]!, a.size[axis - 1], a)), images!),
  ResizeNearestNeighborGrad: ({ images, dy }, a) =>
    AXES.reduce((gradient, axis) => {
      const from = images!.shape[axis]!
      return collect(gradient, axis, from, nearest(from, dy!.shape[axis]!, a))
    }, real(dy!)),
}
