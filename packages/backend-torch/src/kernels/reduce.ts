import { util } from '@tensorflow/tfjs-core'
import { aten, atenList } from '../aten.js'
import { BOOL, FLOAT32, INT32 } from '../dtypes.js'
import type { Compute, KernelTable } from '../kernel.js'
import type { TorchData } from '../torch-data.js'

const sum = aten('sum.dim_IntList')
const mean = aten('mean.dim')
const prod = aten('prod.dim_int')
const all = aten('all.dim')
const any = aten('any.dim')
const amax = aten('amax')
const amin = aten('amin')
const argmax = aten('argmax')
const argmin = aten('argmin')
const toDtype = aten('to.dtype')
const nanToNum = aten('nan_to_num')
const full = aten('full')
const flip = aten('flip')
const cumulative = { Cumsum: aten('cumsum'), Cumprod: aten('cumprod') }
const pad = aten('constant_pad_nd')
const slice = aten('slice.Tensor')
const sort = atenList('sort.stable')

const axesOf = (x: TorchData, axis: number | number[]): number[] => util.parseAxisParam(axis, x.shape)
const size = (x: TorchData): number => util.sizeFromShape(x.shape)

// libtorch takes an empty list of axes for all axes, tfjs for none.
const reduction = (f: (x: TorchData, axes: number[], keepDims: boolean) => TorchData): Compute => {
  return ({ x }, { axis, reductionIndices, keepDims }) => {
    const axes = axesOf(x!, axis ?? reductionIndices)
    return axes.length === 0 ? x! : f(x!, axes, keepDims ?? false)
  }
}

/** For operators that reduce one axis a call: the last first, so that the others keep their places. */
const oneByOne = (f: (x: TorchData, axis: number, keepDims: boolean) => TorchData): Compute =>
  reduction((x, axes, keepDims) => [...axes].sort((p, q) => q - p).reduce((y, axis) => f(y, axis, keepDims), x))

/** An extreme of nothing is the identity of the operation, as in tfjs; libtorch refuses. */
const extreme = (f: typeof amax, nothing: number): Compute =>
  reduction((x, axes, keepDims) => {
    if (size(x) > 0) return f(x, axes, keepDims)
    return full(sum(x, axes, keepDims).shape, nothing, x.code)
  })

const integer = (x: TorchData): number => (x.code === BOOL ? INT32 : x.code)

/** tfjs passes NaN over where it looks for a position; libtorch stops there. */
function comparable(x: TorchData, last: number): TorchData {
  if (x.code === BOOL) return toDtype(x, INT32)
  return x.code === FLOAT32 ? nanToNum(x, last, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY) : x
}

const scan = (name: 'Cumsum' | 'Cumprod'): Compute => {
  const f = cumulative[name]
  const neutral = name === 'Cumsum' ? 0 : 1
  return ({ x }, { axis, exclusive, reverse }) => {
    const at = axesOf(x!, axis)[0]!
    let y = reverse ? flip(x, [at]) : x!
    if (exclusive) {
      const length = x!.shape[at]!
      const padding = new Array(2 * (x!.shape.length - at)).fill(0)
      padding[padding.length - 2] = 1
      y = slice(pad(y, padding, neutral), at, 0, length)
    }
    y = f(y, at, integer(x!))
    return reverse ? flip(y, [at]) : y
  }
}

export const reduceKernels: KernelTable = {
  Sum: ({ x }, { axis, keepDims }) => {
    const axes = axesOf(x!, axis)
    return axes.length === 0 ? toDtype(x, integer(x!)) : sum(x, axes, keepDims ?? false, integer(x!))
  },
  Mean: ({ x }, { axis, keepDims }) => {
    const axes = axesOf(x!, axis)
    return axes.length === 0 ? toDtype(x, FLOAT32) : mean(x, axes, keepDims ?? false, FLOAT32)
  },
  Prod: oneByOne((x, axis, keepDims) => prod(x, axis, keepDims, integer(x))),
  All: oneByOne((x, axis, keepDims) => all(x, axis, keepDims)),
  Any: oneByOne((x, axis, keepDims) => any(x, axis, keepDims)),
  Max: extreme(amax, Number.NEGATIVE_INFINITY),
  Min: extreme(amin, Number.POSITIVE_INFINITY),
  ArgMax: ({ x }, { axis }) => argmax(comparable(x!, Number.NEGATIVE_INFINITY), axesOf(x!, axis)[0], false),
  ArgMin: ({ x }, { axis }) => argmin(comparable(x!, Number.POSITIVE_INFINITY), axesOf(x!, axis)[0], false),
  Cumsum: scan('Cumsum'),
  Cumprod: scan('Cumprod'),
  // tfjs promises the lower index among equals, which only a stable sort keeps.
  TopK: ({ x }, { k }) => {
    const last = x!.shape.length - 1
    return sort(x, true, last, true).map((y) => slice(y, last, 0, k))
  },
}
