import { aten, atenList, atenVoid } from '../aten.js'
import { INT64 } from '../dtypes.js'
import type { KernelTable } from '../kernel.js'
import { sequence } from '../sequence.js'
import type { TorchData } from '../torch-data.js'
import { activate, activateBackward } from './activations.js'
import { linearGradients, product } from './product.js'

const parted = atenList('split.Tensor')
const layerNorm = atenList('native_layer_norm')
const layerNormBackward = atenList('native_layer_norm_backward')
const reshape = aten('reshape')
const gelu = aten('gelu')
const geluBackward = aten('gelu_backward')
const mul = aten('mul.Scalar')
const mulTensorInto = atenVoid('mul_.Tensor')
const embeddingBackward = aten('embedding_dense_backward')
const indexSelect = aten('index_select')
const arange = aten('arange.start_step')
const add = aten('add.Tensor')
const toDtype = aten('to.dtype')
const logSoftmax = aten('_log_softmax')
const nll = atenList('nll_loss_forward')
const exp = aten('exp')
const neg = aten('neg')
const expand = aten('expand')
const scatterAddInto = atenVoid('scatter_add_')
const deviation = aten('std')
const foreachNorm = atenList('_foreach_norm.Scalar')
const embedding = aten('embedding')
const norm = aten('linalg_vector_norm')
const stack = aten('stack')

const quickGelu = sequence((op, x) => [activate(op, 'quickGelu', x)])
const quickGeluBackward = sequence((op, dy, x) => [activateBackward(op, 'quickGelu', dy, x)])

const MEAN = 1
const NO_INDEX = -100

/** Row numbers of [B, K] indices in the [B * N, d] rows of all samples. */
function flatRows(index: TorchData, rows: number): TorchData {
  const [batch] = index.shape
  if (batch === 1) return reshape(index, [-1])
  return reshape(add(index, reshape(arange(0, batch! * rows, rows, index.code), [-1, 1])), [-1])
}

const column = (x: TorchData): TorchData => reshape(x, [-1, 1])

/** UniDiag's layers; what each computes is in the table of `@unidiag/core/ops/fused`. */
export const layerKernels: KernelTable = {
  UniDiagLinear: ({ x, weight, bias }) => product(x!, weight!, { bias }),
  UniDiagLinearGrad: ({ dy, x, weight }, { needed }) => linearGradients(x!, dy!, weight!, needed),
  UniDiagProjections: ({ x, weight, bias }, { parts }) => parted(product(x!, weight!, { bias }), weight!.shape[1]! / parts, -1),
  UniDiagLayerNorm: ({ x, weight, bias }, { eps }) => layerNorm(x, weight!.shape, weight, bias, eps),
  UniDiagLayerNormGrad: ({ dy, x, weight, mean, rstd }) => layerNormBackward(dy, x, weight!.shape, mean, rstd, weight, weight, [true, true, true]),
  UniDiagGelu: ({ x }) => gelu(x),
  UniDiagGeluGrad: ({ dy, x }) => geluBackward(dy, x),
  UniDiagQuickGelu: ({ x }) => quickGelu(x),
  UniDiagQuickGeluGrad: ({ dy, x }) => quickGeluBackward(dy, x),
  UniDiagEmbedding: ({ weight, ids }) => embedding(weight, ids),
  UniDiagEmbeddingGrad: ({ dy, ids }, { count, padIndex }) => embeddingBackward(dy, ids, count, padIndex, false),
  UniDiagGatherRows: ({ x, index }) => {
    const [batch, rows, width] = x!.shape
    return reshape(indexSelect(reshape(x, [batch! * rows!, width!]), 0, flatRows(index!, rows!)), [batch!, index!.shape[1]!, width!])
  },
  UniDiagGatherRowsGrad: ({ dy, index }, { rows }) => {
    const [batch, , width] = dy!.shape
    return reshape(embeddingBackward(reshape(dy, [-1, width!]), flatRows(index!, rows), batch! * rows, -1, false), [batch!, rows, width!])
  },
  // What is kept for the gradient are log-probabilities: the exponential is taken only where there is one.
  UniDiagCrossEntropy: ({ logits, labels }) => {
    const logProbabilities = logSoftmax(logits, 1, false)
    return [nll(logProbabilities, toDtype(labels, INT64), null, MEAN, NO_INDEX)[0]!, logProbabilities]
  },
  UniDiagCrossEntropyGrad: ({ dy, probabilities, labels }) => {
    const count = labels!.shape[0]!
    const share = mul(dy, 1 / count)
    const gradient = exp(probabilities)
    mulTensorInto(gradient, share)
    scatterAddInto(gradient, 1, column(toDtype(labels, INT64)), expand(neg(share), [count, 1]))
    return gradient
  },
  UniDiagDeviation: ({ x }) => deviation(x, true),
  UniDiagGlobalNorm: (inputs) => norm(stack(foreachNorm(Object.values(inputs)))),
}
