import {
  engine,
  getKernel,
  type KernelConfig,
  type NamedAttrMap,
  type NamedTensorInfoMap,
  type NamedTensorMap,
  type Tensor,
  type TensorInfo,
  tidy,
  zeros,
} from '@tensorflow/tfjs-core'

/**
 * The seam between the operators of UniDiag and a backend.
 *
 * Every operator in `ops/` is written once in terms of tfjs operators and therefore runs on every backend. Where that is slow, a
 * backend registers a kernel of its own with tfjs's `registerKernel({ kernelName, backendName, kernelFunc })` under a name of this
 * table; the operator then calls it instead. A kernel gets the inputs by name and the attributes, and returns fresh tensors. Nothing
 * else has to be told. Values are float32 where nothing else is said; `?` marks inputs that may be absent, `...` any leading dimensions.
 *
 * | kernel | inputs | attributes | outputs |
 * |---|---|---|---|
 * | UniDiagLinear | x [..., in], weight [in, out], bias? [out] | | y [..., out] |
 * | UniDiagLinearGrad | dy [..., out], x [..., in], weight [in, out] | needed, some of x, weight, bias | their gradients in this order |
 * | UniDiagProjections | x [..., in], weight [in, parts * out], bias [parts * out] | parts | as many of [..., out] |
 * | UniDiagLayerNorm | x [..., n], weight [n], bias [n] | eps | y [..., n], mean [...], rstd [...] |
 * | UniDiagLayerNormGrad | dy, x, weight, mean, rstd | | dx, dWeight, dBias |
 * | UniDiagGelu, UniDiagQuickGelu | x | | y |
 * | UniDiagGeluGrad, UniDiagQuickGeluGrad | dy, x | | dx |
 * | UniDiagAttention | q [B, Tq, d], k, v [B, Tk, d], mask? [B, Tk], keep? [B, h, Tq, Tk] | heads | y [B, Tq, d], probabilities [B, h, Tq, Tk] |
 * | UniDiagAttentionGrad | dy, q, k, v, y, probabilities, mask?, keep? | heads | dq, dk, dv |
 * | UniDiagFeedForward | x [..., d], expandWeight [d, h], expandBias, contractWeight [h, d], contractBias, and of any sub-layer | activation, and of any sub-layer | y, kept |
 * | UniDiagAttentionSublayer | x [B, T, d], inWeight [d, 3 d], inBias or {query, key, value}{Weight, Bias}, outWeight [d, d], outBias, context? [B, Tk, dc], mask? [B, Tk], keepProbabilities? [B, h, T, Tk], and of any sub-layer | heads, and of any sub-layer | y, kept |
 * | of any sub-layer | normWeight [d], normBias [d], keep? (as x) | place, eps, recorded (whether anything need be kept) | y as x, what its gradient asks for |
 * | UniDiagFeedForwardGrad, UniDiagAttentionSublayerGrad | dy, the inputs, kept, a list | the attributes; needed, some of the inputs | their gradients in this order |
 * | UniDiagGatherRows | x [B, N, d], index [B, K] int32 | | [B, K, d] |
 * | UniDiagGatherRowsGrad | dy [B, K, d], index | rows (N) | dx [B, N, d] |
 * | UniDiagEmbedding | weight [count, d], ids [...] int32 | | [..., d] |
 * | UniDiagEmbeddingGrad | dy [..., d], ids [...] int32 | count, padIndex (-1: none) | dWeight [count, d] |
 * | UniDiagCrossEntropy | logits [M, C], labels [M] int32 | | mean loss [], probabilities [M, C] |
 * | UniDiagCrossEntropyGrad | dy [], probabilities, labels | | dLogits |
 * | UniDiagKeepMask | | shape, key0, key1, threshold, scale (see `keepMask`) | [...shape] |
 * | UniDiagNormals | | shape, key0, key1 (see `normals`) | [...shape] |
 * | UniDiagDeviation | x | | unbiased standard deviation [] |
 * | UniDiagGlobalNorm | any number of tensors | | [] |
 * | UniDiagAdamW | parameter, gradient, m, v | rate, beta1, beta2, eps, decay | the three new values |
 * | UniDiagEma | average, value | decay | the new average |
 * | UniDiagAdamWAll | as UniDiagAdamW, each a list; skip? [] | as UniDiagAdamW | the three new values of each in turn |
 * | UniDiagEmaAll | as UniDiagEma, each a list; skip? [] | decay | the new averages |
 * | UniDiagAddAll | a, b, each a list | | the sum of each pair |
 * | UniDiagScaleAll | x, a list | factor | each times factor |
 * | UniDiagClipAll | x, a list; norm [] | max | each times min(1, max / norm) |
 *
 * What a forward kernel saves for its own gradient (`probabilities`, `mean`, `rstd`) may be anything that the backend's gradient kernel
 * understands. The kernels named All may write in place: their caller disposes of the old values (parameter, m, v; average; a and b; x) at once.
 * Where `skip` is 1 the new values are the old ones, bit for bit.
 * A backend that computes no values may have UniDiagParameter (attribute shape) besides, and is spared drawing them (see `drawValue`).
 *
 * @returns the outputs, or undefined when the current backend has no such kernel
 */
export function native(
  name: string,
  inputs: Readonly<Record<string, TensorInfo | readonly TensorInfo[] | undefined>>,
  attrs: NamedAttrMap = {},
): Tensor[] | undefined {
  const current = engine()
  const kernel = kernelOf(name, current.backendName)
  if (!kernel) return undefined
  const out = kernel.kernelFunc({ inputs: inputs as NamedTensorInfoMap, attrs, backend: current.backend })
  if (!Array.isArray(out)) return [current.makeTensorFromTensorInfo(out)]
  return out.map((info: TensorInfo) => current.makeTensorFromTensorInfo(info))
}

// tfjs looks a kernel up under a name that it puts together anew; here, what the current backend was found to have.
let found = new Map<string, KernelConfig>()
let foundFor = ''

function kernelOf(name: string, backendName: string): KernelConfig | undefined {
  if (foundFor !== backendName) {
    found = new Map()
    foundFor = backendName
  }
  const known = found.get(name)
  if (known) return known
  const kernel = getKernel(name, backendName)
  if (kernel) found.set(name, kernel)
  return kernel
}

/** Whether the current backend has a kernel of that name. */
export const hasNative = (name: string): boolean => kernelOf(name, engine().backendName) !== undefined

/** The parts of tfjs's engine that a custom gradient needs; tfjs offers them as `customGrad`, which computes every gradient and copies more. */
interface TapeEngine {
  readonly state: {
    readonly gradientDepth: number
    kernelDepth: number
    nextTapeNodeId: number
    readonly activeTape: TapeNode[]
    readonly activeScope: { readonly track: Tensor[] } | null
  }
}

/** An operator on tfjs's tape. */
export interface TapeNode {
  readonly id: number
  readonly kernelName: string
  readonly inputs: NamedTensorMap
  readonly outputs: Tensor[]
  /**
   * undefined for an operator that has no gradient
   * @param dys null for results that lead nowhere
   * @param needed names of inputs; all where tfjs asks
   */
  readonly gradient?: (dys: readonly (Tensor | null)[], needed?: readonly string[]) => Record<string, () => Tensor>
  /** Of the tape, which disposes of them. */
  readonly saved?: Tensor[]
}

/**
 * Runs an operator with a gradient of its own. Only the gradients that are needed are computed: `backward` returns one function an
 * input, called when that input leads to a parameter; it is told the names of these inputs. Of several results it gets as many gradients.
 * @param forward gets `save`, whose tensors `backward` receives, and whether there will be a way back; all that it makes besides them and its result is disposed of
 */
export function differentiable<T extends Tensor | Tensor[]>(
  inputs: NamedTensorMap,
  forward: (save: (tensors: Tensor[]) => void, recorded: boolean) => T,
  backward: (dy: T, saved: Tensor[], needed: readonly string[]) => Record<string, () => Tensor>,
): T {
  const { state } = engine() as unknown as TapeEngine
  const scope = state.activeScope
  if (!scope) return tidy(() => differentiable(inputs, forward, backward))
  const recorded = state.gradientDepth > 0 && state.kernelDepth === 0
  const wanted: Tensor[] = []
  // A scope within the surrounding one: a tidy for every operator is a large part of what a small operator costs.
  const from = scope.track.length
  let y: T | undefined
  let results: Tensor[] = []
  // What runs inside a kernel is not recorded.
  state.kernelDepth++
  try {
    y = forward((tensors) => {
      if (recorded) wanted.push(...tensors)
    }, recorded)
    results = Array.isArray(y) ? y : [y]
  } finally {
    state.kernelDepth--
    if (!y) disposeSince(scope.track, from, results)
  }
  const made = scope.track.slice(from)
  const owned: Tensor[] = []
  const saved = wanted.map((tensor) => {
    // Kept tensors (parameters) outlive the step.
    if (tensor.kept) return tensor
    const own = !results.includes(tensor) && made.includes(tensor) ? tensor : alias(tensor)
    own.kept = true
    owned.push(own)
    return own
  })
  disposeSince(scope.track, from, results)
  // Whoever walks the tape back disposes of what is owned.
  if (recorded) {
    const single = !Array.isArray(y)
    const gradient: TapeNode['gradient'] = (dys, needed = Object.keys(inputs)) => {
      const all = dys.map((dy, i) => dy ?? zeros(results[i].shape))
      return backward((single ? all[0] : all) as T, saved, needed)
    }
    state.activeTape.push({ id: state.nextTapeNodeId++, kernelName: 'UniDiag', inputs, outputs: results, gradient, saved: owned })
  }
  return y
}

/** Disposes of what a scope of tfjs tracked from some point on, but for kept tensors and `results`. */
export function disposeSince(track: Tensor[], from: number, results: readonly Tensor[]): void {
  const made = track.splice(from)
  for (const tensor of made) {
    if (results.includes(tensor)) track.push(tensor)
    else if (!tensor.kept) tensor.dispose()
  }
}

/** The same values under another tensor. */
function alias(tensor: Tensor): Tensor {
  const { backend } = engine()
  backend.incRef(tensor.dataId)
  return engine().makeTensorFromTensorInfo({ dataId: tensor.dataId, shape: tensor.shape, dtype: tensor.dtype })
}
