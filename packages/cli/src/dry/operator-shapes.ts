import { backend_util, slice_util, type TensorInfo, util } from '@tensorflow/tfjs-core'
import type { Attributes, Inputs, Made, ShapeKernel } from './shape-backend.js'

const same: ShapeKernel = (inputs) => {
  const [x] = Object.values(inputs)
  return { shape: x.shape, dtype: x.dtype }
}

const broadcast: ShapeKernel = ({ a, b }) => ({ shape: backend_util.assertAndGetBroadcastShape(a.shape, b.shape), dtype: a.dtype })

const compare: ShapeKernel = ({ a, b }) => ({ shape: backend_util.assertAndGetBroadcastShape(a.shape, b.shape), dtype: 'bool' })

const reduce: ShapeKernel = ({ x }, { axis, keepDims }) => {
  const axes = util.parseAxisParam(axis ?? x.shape.map((_, i) => i), x.shape)
  const shape = keepDims ? x.shape.map((n, i) => (axes.includes(i) ? 1 : n)) : x.shape.filter((_, i) => !axes.includes(i))
  return { shape, dtype: x.dtype }
}

const best: ShapeKernel = (inputs, { axis }) => ({ ...(reduce(inputs, { axis }) as Made), dtype: 'int32' })

const view = (x: TensorInfo, shape: readonly number[]): Made => ({ of: x, shape, dtype: x.dtype })

const reshaped = (x: TensorInfo, shape: readonly number[]): Made => view(x, util.inferFromImplicitShape([...shape], util.sizeFromShape(x.shape)))

const product: ShapeKernel = ({ a, b }, { transposeA, transposeB }) => {
  const [rows, inner] = transposeA ? [a.shape.at(-1)!, a.shape.at(-2)!] : [a.shape.at(-2)!, a.shape.at(-1)!]
  const columns = transposeB ? b.shape.at(-2)! : b.shape.at(-1)!
  const batch = backend_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2))
  return { shape: [...batch, rows, columns], flops: 2 * util.sizeFromShape(batch) * rows * inner * columns }
}

/** @returns the axis counted from 0 */
const axisOf = (axis: number, { shape }: TensorInfo): number => util.parseAxisParam(axis, shape)[0]

const withAxis = (shape: readonly number[], axis: number, ...size: readonly number[]): number[] => [...shape.slice(0, axis), ...size, ...shape.slice(axis + 1)]

const list = (inputs: Inputs): TensorInfo[] => Object.values(inputs)

const range = ({ start, stop, step, dtype }: Attributes): Made => ({ shape: [Math.max(0, Math.ceil((stop - start) / step))], dtype })

const all = (kernel: ShapeKernel, names: string): Record<string, ShapeKernel> => Object.fromEntries(names.split(' ').map((name) => [name, kernel]))

/** What tfjs's own operators make. Convolutions and pooling are not among them. */
export const operatorShapes: Readonly<Record<string, ShapeKernel>> = {
  ...all(
    same,
    'Abs AddN Ceil ClipByValue Cos Cumsum Elu EluGrad Erf Exp Expm1 Floor LeakyRelu Log Log1p LogSoftmax Neg OnesLike Reciprocal Relu Reverse Round Rsqrt Sigmoid Sign Sin Softmax Softplus Sqrt Square Step Tanh ZerosLike',
  ),
  ...all(broadcast, 'Add Atan2 FloorDiv Maximum Minimum Mod Multiply Pow RealDiv SquaredDifference Sub'),
  ...all((inputs) => ({ ...(same(inputs, {}) as Made), dtype: 'bool' }), 'IsFinite IsInf IsNan LogicalNot'),
  ...all(compare, 'Equal Greater GreaterEqual Less LessEqual LogicalAnd LogicalOr NotEqual'),
  ...all(reduce, 'All Any Max Mean Min Prod Sum'),
  ...all(best, 'ArgMax ArgMin'),
  ...all(product, 'BatchMatMul _FusedMatMul'),

  Cast: ({ x }, { dtype }) => (dtype === x.dtype ? view(x, x.shape) : { shape: x.shape, dtype }),
  Identity: ({ x }) => view(x, x.shape),
  Reshape: ({ x }, { shape }) => reshaped(x, shape),
  ExpandDims: ({ input }, { dim }) => {
    const at = dim < 0 ? input.shape.length + 1 + dim : dim
    return view(input, [...input.shape.slice(0, at), 1, ...input.shape.slice(at)])
  },
  Transpose: ({ x }, { perm }) => ({ shape: perm.map((axis: number) => x.shape[axis]), dtype: x.dtype }),
  Tile: ({ x }, { reps }) => ({ shape: x.shape.map((n, i) => n * reps[i]), dtype: x.dtype }),
  BroadcastTo: ({ x }, { shape }) => ({ shape, dtype: x.dtype }),
  PadV2: ({ x }, { paddings }) => ({ shape: x.shape.map((n, i) => n + paddings[i][0] + paddings[i][1]), dtype: x.dtype }),
  Slice: ({ x }, { begin, size }) => ({ shape: slice_util.parseSliceParams(x as never, begin, size)[1], dtype: x.dtype }),
  StridedSlice: ({ x }, a) => {
    const { finalShape } = slice_util.sliceInfo(x.shape, a.begin, a.end, a.strides, a.beginMask, a.endMask, a.ellipsisMask, a.newAxisMask, a.shrinkAxisMask)
    return { shape: finalShape, dtype: x.dtype }
  },
  Concat: (inputs, { axis }) => {
    const parts = list(inputs)
    const at = axisOf(axis, parts[0])
    return {
      shape: withAxis(
        parts[0].shape,
        at,
        parts.reduce((sum, { shape }) => sum + shape[at], 0),
      ),
      dtype: parts[0].dtype,
    }
  },
  SplitV: ({ x }, { numOrSizeSplits, axis }) => {
    const at = axisOf(axis, x)
    return backend_util.prepareSplitSize(x as never, numOrSizeSplits, at).map((size) => ({ shape: withAxis(x.shape, at, size), dtype: x.dtype }))
  },
  Pack: (inputs, { axis }) => {
    const [{ shape, dtype }, ...more] = list(inputs)
    const at = axis < 0 ? shape.length + 1 + axis : axis
    return { shape: [...shape.slice(0, at), 1 + more.length, ...shape.slice(at)], dtype }
  },
  Unpack: ({ value }, { axis }) => {
    const at = axisOf(axis, value)
    return Array.from({ length: value.shape[at] }, () => ({ shape: withAxis(value.shape, at), dtype: value.dtype }))
  },
  Select: ({ condition, t, e }) => ({
    shape: backend_util.assertAndGetBroadcastShape(condition.shape, backend_util.assertAndGetBroadcastShape(t.shape, e.shape)),
    dtype: t.dtype,
  }),

  GatherV2: ({ x, indices }, { axis, batchDims = 0 }) => ({ shape: withAxis(x.shape, axisOf(axis, x), ...indices.shape.slice(batchDims)), dtype: x.dtype }),
  GatherNd: ({ params, indices }) => ({ shape: [...indices.shape.slice(0, -1), ...params.shape.slice(indices.shape.at(-1))], dtype: params.dtype }),
  ScatterNd: ({ updates }, { shape }) => ({ shape, dtype: updates.dtype }),
  UnsortedSegmentSum: ({ x, segmentIds }, { numSegments }) => ({ shape: [numSegments, ...x.shape.slice(segmentIds.shape.length)], dtype: x.dtype }),
  OneHot: ({ indices }, { depth, dtype }) => ({ shape: [...indices.shape, depth], dtype }),
  TopK: ({ x }, { k }) => [
    { shape: [...x.shape.slice(0, -1), k], dtype: x.dtype },
    { shape: [...x.shape.slice(0, -1), k], dtype: 'int32' },
  ],

  Fill: (_, { shape, dtype }) => ({ shape, dtype }),
  Range: (_, attrs) => range(attrs),
  LinSpace: (_, { num }) => ({ shape: [num] }),
}
