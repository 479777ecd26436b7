import { type TensorInfo, util } from '@tensorflow/tfjs-core'
import type { Inputs, Made, ShapeKernel } from './shape-backend.js'

const like = ({ shape, dtype }: TensorInfo): Made => ({ shape, dtype })
const scalar: Made = { shape: [] }
const size = ({ shape }: TensorInfo): number => util.sizeFromShape(shape)
const last = ({ shape }: TensorInfo): number => shape[shape.length - 1]

const ofX: ShapeKernel = ({ x }) => like(x)

/** Scores and sums of values, each 2 B Tq Tk d. */
const attended = ({ q, k }: Inputs): number => 4 * size(q) * k.shape[1]

/** The values before are overwritten. */
const inPlace = (tensors: readonly TensorInfo[]): Made[] => tensors.map((of) => ({ of, ...like(of) }))

type Lists = Readonly<Record<string, readonly TensorInfo[]>>

/** What the kernels make that the operators of `@unidiag/core/ops` can have (see the table there); they keep what they need for the way back, and no more. */
export const layerShapes: Readonly<Record<string, ShapeKernel>> = {
  UniDiagLinear: ({ x, weight }) => ({ shape: [...x.shape.slice(0, -1), weight.shape[1]], flops: 2 * size(x) * weight.shape[1] }),
  UniDiagLinearGrad: ({ dy, x, weight }, { needed }) => {
    const made: Record<string, Made> = {
      x: { ...like(x), flops: 2 * size(dy) * weight.shape[0] },
      weight: { ...like(weight), flops: 2 * size(x) * last(dy) },
      bias: { shape: [last(dy)] },
    }
    return needed.map((name: string) => made[name])
  },
  UniDiagLayerNorm: ({ x }) => [like(x), { shape: x.shape.slice(0, -1) }, { shape: x.shape.slice(0, -1) }],
  UniDiagLayerNormGrad: ({ x, weight }) => [like(x), like(weight), like(weight)],
  UniDiagGelu: ofX,
  UniDiagGeluGrad: ofX,
  UniDiagQuickGelu: ofX,
  UniDiagQuickGeluGrad: ofX,
  UniDiagAttention: (inputs, { heads }) => {
    const { q, k } = inputs
    return [{ ...like(q), flops: attended(inputs) }, { shape: [q.shape[0], heads, q.shape[1], k.shape[1]] }]
  },
  UniDiagAttentionGrad: (inputs) => [{ ...like(inputs.q), flops: 2 * attended(inputs) }, like(inputs.k), like(inputs.v)],
  UniDiagGatherRows: ({ x, index }) => ({ shape: [...index.shape, last(x)] }),
  UniDiagGatherRowsGrad: ({ dy }, { rows }) => ({ shape: [dy.shape[0], rows, last(dy)] }),
  UniDiagEmbedding: ({ weight, ids }) => ({ shape: [...ids.shape, last(weight)] }),
  UniDiagEmbeddingGrad: ({ dy }, { count }) => ({ shape: [count, last(dy)] }),
  UniDiagCrossEntropy: ({ logits }) => [scalar, like(logits)],
  UniDiagCrossEntropyGrad: ({ probabilities }) => like(probabilities),
  UniDiagParameter: (_, { shape }) => ({ shape }),
  UniDiagKeepMask: (_, { shape }) => ({ shape }),
  UniDiagNormals: (_, { shape }) => ({ shape }),
  // Not in place: a teacher begins as a view of the student's values.
  UniDiagEmaAll: (inputs) => (inputs as unknown as Lists).average.map(like),
  UniDiagDeviation: () => scalar,
  UniDiagGlobalNorm: () => scalar,
  UniDiagAdamWAll: (inputs) => {
    const { parameter, m, v } = inputs as unknown as Lists
    return parameter.flatMap((value, i) => inPlace([value, m[i], v[i]]))
  },
}
