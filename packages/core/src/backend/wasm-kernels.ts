import { engine, type NamedAttrMap, registerKernel, type TensorInfo, util } from '@tensorflow/tfjs-core'
import { type WasmBackend, WasmHeap } from './wasm-heap.js'

type Inputs = Record<string, TensorInfo>
type Attributes = Readonly<Record<string, number>> & { readonly shape: number[]; readonly needed: string[] }
type Kernel = (inputs: Inputs, attrs: Attributes) => TensorInfo | TensorInfo[]

/** Registers what tfjs's wasm backend lacks for training, and kernels for UniDiag's operators; see `ops/fused.ts` for what each does. */
export function registerWasmKernels(): void {
  const heap = new WasmHeap(engine().backend as WasmBackend)
  for (const [kernelName, kernel] of Object.entries(kernels(heap)))
    registerKernel({
      kernelName,
      backendName: 'wasm',
      kernelFunc: ({ inputs, attrs }: { inputs: unknown; attrs?: NamedAttrMap }) => kernel(inputs as Inputs, attrs as unknown as Attributes),
    })
}

function kernels(heap: WasmHeap): Record<string, Kernel> {
  const { run } = heap
  const at = (info: TensorInfo | undefined) => heap.at(info)
  const size = (info: TensorInfo) => util.sizeFromShape(info.shape)
  /** `[..., n]` as `[rows, n]`. */
  const matrix = (info: TensorInfo): [number, number] => [util.sizeFromShape(info.shape.slice(0, -1)), info.shape[info.shape.length - 1]]
  const withLast = (info: TensorInfo, n: number) => [...info.shape.slice(0, -1), n]

  const unary =
    (name: string): Kernel =>
    ({ x }) => {
      const y = heap.make(x.shape)
      run[name](at(x), at(y), size(x), heap.scratch(32))
      return y
    }
  const unaryGradient =
    (name: string): Kernel =>
    ({ dy, x }) => {
      const dx = heap.make(x.shape)
      run[name](at(dy), at(x), at(dx), size(x), heap.scratch(32))
      return dx
    }

  return {
    UnsortedSegmentSum({ x, segmentIds }, { numSegments }) {
      const rows = size(segmentIds)
      const out = heap.make([numSegments, ...x.shape.slice(segmentIds.shape.length)])
      run.scatterRows(at(x), at(segmentIds), at(out), 1, numSegments, rows, size(out) / Math.max(1, numSegments), -1)
      return out
    },

    UniDiagLinear({ x, weight, bias }) {
      const [m, k] = matrix(x)
      const n = weight.shape[1]
      const y = heap.make(withLast(x, n))
      const scratch = heap.scratch(run.matmulScratch(n))
      if (bias) run.fillRows(at(bias), at(y), m, n)
      run.matmul(at(x), k, 1, at(weight), n, 1, at(y), n, m, n, k, scratch, bias ? 1 : 0)
      return y
    },
    UniDiagLinearGrad({ dy, x, weight }, { needed }) {
      const [k, n] = weight.shape
      const [m] = matrix(dy)
      const gradients: Record<string, () => TensorInfo> = {
        x() {
          const dx = heap.make(withLast(dy, k))
          const scratch = heap.scratch(run.matmulScratch(k))
          run.matmul(at(dy), n, 1, at(weight), 1, n, at(dx), k, m, k, n, scratch, 0)
          return dx
        },
        weight() {
          const dWeight = heap.make([k, n])
          const scratch = heap.scratch(run.matmulScratch(n))
          run.matmul(at(x), 1, k, at(dy), n, 1, at(dWeight), n, k, n, m, scratch, 0)
          return dWeight
        },
        bias() {
          const out = heap.make([n])
          run.columnSum(at(dy), at(out), m, n)
          return out
        },
      }
      return needed.map((name) => gradients[name]())
    },

    UniDiagLayerNorm({ x, weight, bias }, { eps }) {
      const [rows, n] = matrix(x)
      const [y, mean, rstd] = [heap.make(x.shape), heap.make([rows]), heap.make([rows])]
      run.layerNorm(at(x), at(weight), at(bias), at(y), at(mean), at(rstd), rows, n, eps)
      return [y, mean, rstd]
    },
    UniDiagLayerNormGrad({ dy, x, weight, mean, rstd }) {
      const [rows, n] = matrix(x)
      const [dx, dWeight, dBias] = [heap.make(x.shape), heap.make([n]), heap.make([n])]
      run.layerNormGrad(at(dy), at(x), at(weight), at(mean), at(rstd), at(dx), at(dWeight), at(dBias), rows, n)
      return [dx, dWeight, dBias]
    },

    UniDiagGelu: unary('gelu'),
    UniDiagGeluGrad: unaryGradient('geluGrad'),
    UniDiagQuickGelu: unary('quickGelu'),
    UniDiagQuickGeluGrad: unaryGradient('quickGeluGrad'),

    UniDiagAttention({ q, k, v, mask, keep }, { heads }) {
      const [batch, queries, width] = q.shape
      const keys = k.shape[1]
      const [y, p] = [heap.make(q.shape), heap.make([batch, heads, queries, keys])]
      const packed = run.matmulScratch(Math.max(keys, width / heads))
      const scratch = heap.scratch(packed + 4 * queries * keys)
      run.attention(at(q), at(k), at(v), at(mask), at(keep), at(y), at(p), batch, heads, queries, keys, width, scratch + packed, scratch)
      return [y, p]
    },
    UniDiagAttentionGrad({ dy, q, k, v, probabilities, keep }, { heads }) {
      const [batch, queries, width] = q.shape
      const keys = k.shape[1]
      const [dq, dk, dv] = [heap.make(q.shape), heap.make(k.shape), heap.make(v.shape)]
      const packed = run.matmulScratch(Math.max(keys, width / heads))
      const scratch = heap.scratch(packed + 8 * queries * keys)
      const gradients = [at(dq), at(dk), at(dv)]
      run.attentionGrad(...[dy, q, k, v, probabilities, keep].map(at), ...gradients, ...[batch, heads, queries, keys, width], scratch + packed, scratch)
      return [dq, dk, dv]
    },

    UniDiagGatherRows({ x, index }) {
      const [batch, count, n] = x.shape
      const rows = index.shape[1]
      const y = heap.make([batch, rows, n])
      run.gatherRows(at(x), at(index), at(y), batch, count, rows, n)
      return y
    },
    UniDiagGatherRowsGrad({ dy, index }, { rows }) {
      const [batch, kept, n] = dy.shape
      const dx = heap.make([batch, rows, n])
      run.scatterRows(at(dy), at(index), at(dx), batch, rows, kept, n, -1)
      return dx
    },
    UniDiagEmbedding({ weight, ids }) {
      const [count, n] = weight.shape
      const y = heap.make([...ids.shape, n])
      run.gatherRows(at(weight), at(ids), at(y), 1, count, size(ids), n)
      return y
    },
    UniDiagEmbeddingGrad({ dy, ids }, { count, padIndex }) {
      const [rows, n] = matrix(dy)
      const dWeight = heap.make([count, n])
      run.scatterRows(at(dy), at(ids), at(dWeight), 1, count, rows, n, padIndex)
      return dWeight
    },

    UniDiagCrossEntropy({ logits, labels }) {
      const [rows, n] = logits.shape
      const [loss, p, terms] = [heap.make([]), heap.make(logits.shape), heap.make([2, rows])]
      run.crossEntropy(at(logits), at(labels), at(terms), at(p), rows, n, heap.scratch(4 * n))
      const values = heap.values(terms)
      let total = 0
      for (let r = 0; r < rows; r++) total += values[r] + Math.log(values[rows + r])
      heap.values(loss)[0] = total / rows
      heap.dispose(terms)
      return [loss, p]
    },
    UniDiagCrossEntropyGrad({ dy, probabilities, labels }) {
      const dLogits = heap.make(probabilities.shape)
      run.crossEntropyGrad(at(dy), at(probabilities), at(labels), at(dLogits), probabilities.shape[0], probabilities.shape[1])
      return dLogits
    },

    UniDiagKeepMask(_, { shape, key0, key1, threshold, scale }) {
      const out = heap.make(shape)
      run.keepMask(at(out), 0, size(out), key0, key1, threshold, scale, heap.scratch(96))
      return out
    },
    UniDiagNormals(_, { shape, key0, key1 }) {
      const out = heap.make(shape)
      run.normals(at(out), 0, size(out), key0, key1, heap.scratch(64))
      return out
    },
    UniDiagDeviation({ x }) {
      const n = size(x)
      const out = heap.make([])
      heap.values(out)[0] = Math.sqrt(run.sumOfSquares(at(x), n, run.sum(at(x), n) / n) / (n - 1))
      return out
    },

    UniDiagGlobalNorm(tensors) {
      let total = 0
      for (const x of Object.values(tensors)) total += run.sumOfSquares(at(x), size(x), 0)
      const out = heap.make([])
      heap.values(out)[0] = Math.sqrt(total)
      return out
    },
    UniDiagAdamW({ parameter, gradient, m, v }, { rate, beta1, beta2, eps, decay }) {
      const next = [heap.make(parameter.shape), heap.make(parameter.shape), heap.make(parameter.shape)]
      run.adamw(...[parameter, gradient, m, v, ...next].map(at), size(parameter), rate, beta1, beta2, 1 - beta1, 1 - beta2, eps, 1 - decay)
      return next
    },
    UniDiagEma({ average, value }, { decay }) {
      const y = heap.make(average.shape)
      run.ema(at(average), at(value), at(y), size(average), decay, 1 - decay)
      return y
    },
  }
}
