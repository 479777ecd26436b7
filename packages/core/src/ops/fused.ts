import { engine, getKernel, type NamedAttrMap, type NamedTensorInfoMap, type NamedTensorMap, type Tensor, type TensorInfo } from '@tensorflow/tfjs-core'

/**
 * The seam between the operators of UniDiag and a backend.
 *
 * Every operator in `ops/` is written once in terms of tfjs operators and therefore runs on every backend. Where that is slow, a
 * backend registers a kernel of its own with tfjs's `registerKernel({ kernelName, backendName, kernelFunc })` under a name of this
 * table; the operator then calls it instead. A kernel gets the inputs by name and the attributes, and returns fresh tensors. Nothing
 * else has to be told. Float tensors are float32; `?` marks inputs that may be absent.
 *
 * | kernel | inputs | attributes | outputs |
 * |---|---|---|---|
 * | UniDiagLinear | x [M, in], weight [in, out], bias? [out] | | y [M, out] |
 * | UniDiagLinearGradX | dy [M, out], weight [in, out] | | dx [M, in] |
 * | UniDiagLinearGradWeight | x [M, in], dy [M, out] | | dWeight [in, out] |
 * | UniDiagColumnSum | x [M, n] | | [n] |
 * | UniDiagLayerNorm | x [M, n], weight [n], bias [n] | eps | y [M, n], mean [M], rstd [M] |
 * | UniDiagLayerNormGrad | dy, x, weight, mean, rstd | | dx, dWeight, dBias |
 * | UniDiagGelu, UniDiagQuickGelu | x | | y |
 * | UniDiagGeluGrad, UniDiagQuickGeluGrad | dy, x | | dx |
 * | UniDiagAttention | q [B, Tq, d], k, v [B, Tk, d], mask? [B, Tk], keep? [B, h, Tq, Tk] | heads | y [B, Tq, d], probabilities [B, h, Tq, Tk] |
 * | UniDiagAttentionGrad | dy, q, k, v, probabilities, keep? | heads | dq, dk, dv |
 * | UniDiagEmbeddingGrad | dy [M, d], ids [M] int32 | count, padIndex (-1: none) | dWeight [count, d] |
 * | UniDiagGatherRows | x [B, N, d], index [B, K] int32 | | [B, K, d] |
 * | UniDiagGatherRowsGrad | dy [B, K, d], index | rows (N) | dx [B, N, d] |
 * | UniDiagCrossEntropy | logits [M, C], labels [M] int32 | | mean loss [], probabilities [M, C] |
 * | UniDiagCrossEntropyGrad | dy [], probabilities, labels | | dLogits |
 * | UniDiagKeepMask | | count, key0, key1, threshold, scale (see `keepMask`) | [count] |
 * | UniDiagGlobalNorm | any number of tensors | | [] |
 * | UniDiagAdamW | parameter, gradient, m, v | rate, beta1, beta2, eps, decay | the three new values |
 * | UniDiagEma | average, value | decay | the new average |
 *
 * @returns the outputs, or undefined when the current backend has no such kernel
 */
export function native(name: string, inputs: NamedTensorInfoMap, attrs: NamedAttrMap = {}): Tensor[] | undefined {
  const current = engine()
  const kernel = getKernel(name, current.backendName)
  if (!kernel) return undefined
  const out = kernel.kernelFunc({ inputs, attrs, backend: current.backend })
  return (Array.isArray(out) ? out : [out]).map((info: TensorInfo) => current.makeTensorFromTensorInfo(info))
}

interface DifferentiableEngine {
  runKernelFunc<T extends Tensor>(invocation: {
    inputs: NamedTensorMap
    forwardFunc: (backend: unknown, save: (tensors: Tensor[]) => void) => T
    backwardsFunc: (dy: T, saved: Tensor[]) => Record<string, () => Tensor>
  }): T
}

/**
 * Runs an operator with a gradient of its own. Like tfjs's `customGrad`, except that only the gradients that are needed are computed:
 * `backward` returns one function an input, called when that input leads to a parameter.
 * @param forward gets `save`, whose tensors `backward` receives
 */
export function differentiable<T extends Tensor>(
  inputs: NamedTensorMap,
  forward: (save: (tensors: Tensor[]) => void) => T,
  backward: (dy: T, saved: Tensor[]) => Record<string, () => Tensor>,
): T {
  return (engine() as unknown as DifferentiableEngine).runKernelFunc({ inputs, forwardFunc: (_, save) => forward(save), backwardsFunc: backward })
}
