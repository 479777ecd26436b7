import { backend_util, util } from '@tensorflow/tfjs-core'
import { aten, atenList } from '../aten.js'
import { download } from '../download.js'
import { INT64 } from '../dtypes.js'
import type { KernelTable } from '../kernel.js'
import type { TorchData } from '../torch-data.js'

const reshape = aten('reshape')
const indexSelect = aten('index_select')
const gather = aten('gather')
const expand = aten('expand')
const clone = aten('clone')
const index = aten('index.Tensor')
const indexPut = aten('index_put')
const indexAdd = aten('index_add')
const toDtype = aten('to.dtype')
const unbind = atenList('unbind.int')
const full = aten('full')
const zeros = aten('zeros')
const slice = aten('slice.Tensor')
const where = aten('where.self')
const ge = aten('ge.Scalar')
const lt = aten('lt.Scalar')
const and = aten('logical_and')

/** The last axis of indices [..., k] as k index tensors. */
const coordinates = (indices: TorchData): TorchData[] => unbind(toDtype(indices, INT64), -1)

const product = (shape: readonly number[]): number => util.sizeFromShape([...shape])

/** Writes updates at the positions that indices [..., depth] name; a list of indices, or one, has depth 1. */
function scatter(target: TorchData, indices: TorchData, updates: TorchData, accumulate: boolean): TorchData {
  const depth = indices.shape.length > 1 ? indices.shape.at(-1)! : 1
  const rows = depth === 0 ? 0 : product(indices.shape) / depth
  if (rows === 0) return clone(target)
  const values = updates.shape.length === 0 ? updates : reshape(updates, [rows, ...target.shape.slice(depth)])
  return indexPut(target, coordinates(reshape(indices, [rows, depth])), values, accumulate)
}

/** tfjs's words for an index that does not exist; looked up only after libtorch has refused. */
function outside(x: TorchData, axis: number, indices: TorchData, cause: unknown): Error {
  const size = x.shape[axis]!
  const bad = download(indices).find((i) => i < 0 || i >= size)
  return bad === undefined ? (cause as Error) : new Error(`GatherV2: the index value ${bad} is not in [0, ${size - 1}]`, { cause })
}

function select(x: TorchData, axis: number, indices: TorchData): TorchData {
  try {
    return indexSelect(x, axis, reshape(indices, [-1]))
  } catch (error) {
    throw outside(x, axis, indices, error)
  }
}

export const gatherKernels: KernelTable = {
  GatherV2: ({ x, indices }, { axis, batchDims }) => {
    const at = util.parseAxisParam(axis, x!.shape)[0]!
    const info = backend_util.segment_util.collectGatherOpShapeInfo(x as never, indices as never, at, batchDims ?? 0)
    if (info.batchSize === 1) return reshape(select(x!, at, indices!), info.outputShape)
    const count = product(indices!.shape) / info.batchSize
    const source = reshape(x, [info.batchSize, info.outerSize, info.dimSize, info.sliceSize])
    const rows = expand(reshape(toDtype(indices, INT64), [info.batchSize, 1, count, 1]), [info.batchSize, info.outerSize, count, info.sliceSize])
    return reshape(gather(source, 2, rows), info.outputShape)
  },
  GatherNd: ({ params, indices }) => {
    const depth = indices!.shape.at(-1)!
    if (depth === 0) return expand(params, [...indices!.shape.slice(0, -1), ...params!.shape])
    return index(params, coordinates(indices!))
  },
  ScatterNd: ({ indices, updates }, { shape }) => scatter(zeros(shape, updates!.code), indices!, updates!, true),
  TensorScatterUpdate: ({ tensor, indices, updates }) => scatter(tensor!, indices!, updates!, false),
  SparseToDense: ({ sparseIndices, sparseValues, defaultValue }, { outputShape }) =>
    scatter(expand(defaultValue, outputShape), sparseIndices!, sparseValues!, false),
  // Rows of segments outside [0, numSegments) go to one more segment, which is dropped.
  UnsortedSegmentSum: ({ x, segmentIds }, { numSegments }) => {
    const ids = reshape(segmentIds, [-1])
    const inside = and(ge(ids, 0), lt(ids, numSegments))
    const rows = where(inside, toDtype(ids, INT64), full([], numSegments, INT64))
    const tail = x!.shape.slice(segmentIds!.shape.length)
    const source = reshape(x, [ids.shape[0]!, ...tail])
    return slice(indexAdd(zeros([numSegments + 1, ...tail], x!.code), 0, rows, source), 0, 0, numSegments)
  },
  Select: ({ condition, t, e }) => {
    const missing = t!.shape.length - condition!.shape.length
    const wide = missing > 0 ? reshape(condition, [...condition!.shape, ...new Array(missing).fill(1)]) : condition!
    return where(wide, t, e)
  },
}
