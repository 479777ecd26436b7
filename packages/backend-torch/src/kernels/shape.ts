import { backend_util, slice_util, util } from '@tensorflow/tfjs-core'
import { aten, atenList, upload } from '../aten.js'
import { INT32 } from '../dtypes.js'
import type { KernelTable } from '../kernel.js'
import type { TorchData } from '../torch-data.js'

const reshape = aten('reshape')
const permute = aten('permute')
const repeat = aten('repeat')
const cat = aten('cat')
const stack = aten('stack')
const unbind = atenList('unbind.int')
const splitWithSizes = atenList('split_with_sizes')
const slice = aten('slice.Tensor')
const flip = aten('flip')
const expand = aten('expand')
const constantPad = aten('constant_pad_nd')
const indexSelect = aten('index_select')
const diagEmbed = aten('diag_embed')

/** The part [begin, end) of every axis with its step; a negative step runs backwards from begin to just after end. */
function part(x: TorchData, begin: readonly number[], end: readonly number[], strides: readonly number[]): TorchData {
  return x.shape.reduce((y, length, axis) => {
    const [b, e, s] = [begin[axis]!, end[axis]!, strides[axis]!]
    if (s > 0) return b === 0 && e >= length && s === 1 ? y : slice(y, axis, b, Math.max(b, e), s)
    const from = length - 1 - b
    return slice(flip(y, [axis]), axis, from, Math.max(from, length - 1 - e), -s)
  }, x)
}

/** libtorch lists paddings from the last axis to the first. */
export const flatPadding = (paddings: readonly (readonly [number, number])[]): number[] => [...paddings].reverse().flat()

function mirrored(length: number, [before, after]: [number, number], mode: 'reflect' | 'symmetric'): Int32Array {
  const edge = mode === 'reflect' ? 0 : 1
  return Int32Array.from({ length: before + length + after }, (_, i) => {
    const at = i - before
    if (at < 0) return -at - edge
    return at >= length ? 2 * length - 2 - at + edge : at
  })
}

export const shapeKernels: KernelTable = {
  Reshape: ({ x }, { shape }) => {
    const size = util.sizeFromShape(x!.shape)
    const wanted = util.inferFromImplicitShape(shape, size)
    util.assert(size === util.sizeFromShape(wanted), () => `The new shape (${wanted}) has not as many elements as the old shape (${x!.shape}).`)
    return reshape(x, wanted)
  },
  ExpandDims: ({ input }, { dim }) => {
    const rank = input!.shape.length
    util.assert(dim >= -(rank + 1) && dim <= rank, () => `Axis must be in the interval [${-(rank + 1)}, ${rank}], got ${dim}.`)
    const shape = [...input!.shape]
    shape.splice(dim < 0 ? rank + dim + 1 : dim, 0, 1)
    return reshape(input, shape)
  },
  Transpose: ({ x }, { perm }) => permute(x, perm),
  Tile: ({ x }, { reps }) => repeat(x, reps),
  BroadcastTo: ({ x }, { shape }) => expand(x, shape),
  Concat: (inputs, { axis }) => {
    const all = Object.values(inputs)
    const at = util.parseAxisParam(axis, all[0]!.shape)[0]!
    backend_util.assertParamsConsistent(
      all.map((x) => x.shape),
      at,
    )
    return cat(all, at)
  },
  Pack: (inputs, { axis }) => {
    const all = Object.values(inputs)
    for (const x of all) {
      util.assertShapesMatch(all[0]!.shape, x.shape, 'All tensors passed to stack must have matching shapes')
      util.assert(x.dtype === all[0]!.dtype, () => 'All tensors passed to stack must have matching dtypes')
    }
    return stack(all, axis)
  },
  Unpack: ({ value }, { axis }) => unbind(value, axis),
  SplitV: ({ x }, { numOrSizeSplits, axis }) => {
    const at = util.parseAxisParam(axis, x!.shape)[0]!
    return splitWithSizes(x, backend_util.prepareSplitSize(x as never, numOrSizeSplits, at), at)
  },
  Slice: ({ x }, { begin, size }) => {
    const [from, sizes] = slice_util.parseSliceParams(x as never, begin, size)
    slice_util.assertParamsValid(x as never, from, sizes)
    return part(
      x!,
      from,
      from.map((b, i) => b + sizes[i]!),
      from.map(() => 1),
    )
  },
  StridedSlice: ({ x }, a) => {
    const info = slice_util.sliceInfo(x!.shape, a.begin, a.end, a.strides, a.beginMask, a.endMask, a.ellipsisMask, a.newAxisMask, a.shrinkAxisMask)
    if (info.isIdentity) return reshape(x, info.finalShape)
    return reshape(part(x!, info.begin, info.end, info.strides), info.finalShape)
  },
  Reverse: ({ x }, { dims }) => flip(x, util.parseAxisParam(dims, x!.shape)),
  FlipLeftRight: ({ image }) => flip(image, [2]),
  PadV2: ({ x }, { paddings, constantValue }) => constantPad(x, flatPadding(paddings), constantValue),
  MirrorPad: ({ x }, { paddings, mode }) =>
    x!.shape.reduce((y, length, axis) => {
      const index = mirrored(length, paddings[axis], mode)
      return indexSelect(y, axis, upload(index, [index.length], INT32))
    }, x!),
  Diag: ({ x }) => reshape(diagEmbed(reshape(x, [-1])), [...x!.shape, ...x!.shape]),
}
