import { has, type Operator, sequence, type Value } from '../aten.js'
import { BFLOAT16, FLOAT32 } from '../dtypes.js'
import type { KernelTable } from '../kernel.js'
import { PRODUCTS_AN_ELEMENT, threadsFor } from '../threads.js'
import { sizeOf, type TorchData } from '../torch-data.js'
import { deviceAttention, deviceAttentionGradient } from './device-attention.js'
import { reduces } from './product.js'

const FLASH = '_scaled_dot_product_flash_attention_for_cpu'

/** What is built into a sequence rather than given to it: `low`, products in bfloat16; `masked`, scores get a mask; `dropped`, probabilities are multiplied by `keep`. */
interface Variant {
  readonly low: boolean
  readonly masked: boolean
  readonly dropped: boolean
}

/** A sequence for every variant, each declared when it is first called. */
function variants<T>(make: (variant: Variant) => T): (variant: Variant) => T {
  const all = Array.from({ length: 8 }, (_, bits) => make({ low: (bits & 1) > 0, masked: (bits & 2) > 0, dropped: (bits & 4) > 0 }))
  return ({ low, masked, dropped }) => all[(low ? 1 : 0) | (masked ? 2 : 0) | (dropped ? 4 : 0)]!
}

/** [B, T, d] -> [B, h, T, d / h], a view; and back. `shape` is [B, -1, h, d / h], and [B, -1, d]. */
const split = (op: Operator, x: Value, shape: Value): Value => op('transpose.int', op('reshape', x, shape), 1, 2)
const merge = (op: Operator, x: Value, shape: Value): Value => op('reshape', op('transpose.int', x, 1, 2), shape)

const turned = (op: Operator, x: Value): Value => op('transpose.int', x, -1, -2)

/** Operands and results of products, in bfloat16 and float32 where they are low. */
function casts(op: Operator, { low }: Variant) {
  const cast = (code: number) => (x: Value) => (low ? op('to.dtype', x, code) : x)
  const [down, up] = [cast(BFLOAT16), cast(FLOAT32)]
  return { down, up, product: (a: Value, b: Value): Value => up(op('matmul', down(a), down(b))) }
}

const flash = variants((variant) =>
  sequence((op, q, k, v, mask, heads, joined, overKeys) => {
    const { down, up } = casts(op, variant)
    const [qh, kh, vh] = [q, k, v].map((x) => down(split(op, x, heads))) as [Value, Value, Value]
    const y = op(FLASH, qh, kh, vh, 0, false, variant.masked ? down(op('reshape', mask, overKeys)) : null, null)
    return [merge(op, up(y), joined), y.next]
  }),
)

const flashBackward = variants((variant) =>
  sequence((op, dy, q, k, v, y, logSums, mask, heads, joined, overKeys) => {
    const { down, up } = casts(op, variant)
    const [dyh, qh, kh, vh, yh] = [dy, q, k, v, y].map((x) => down(split(op, x, heads))) as [Value, Value, Value, Value, Value]
    const dq = op(`${FLASH}_backward`, dyh, qh, kh, vh, yh, logSums, 0, false, variant.masked ? down(op('reshape', mask, overKeys)) : null, null)
    return [dq, dq.next, dq.next.next].map((gradient) => merge(op, up(gradient), joined))
  }),
)

const plain = variants((variant) =>
  sequence((op, q, k, v, mask, keep, scale, heads, joined, overKeys) => {
    const { product } = casts(op, variant)
    const scores = product(op('mul.Scalar', split(op, q, heads), scale), turned(op, split(op, k, heads)))
    const p = op('_softmax', variant.masked ? op('add_.Tensor', scores, op('reshape', mask, overKeys)) : scores, -1, false)
    return [merge(op, product(variant.dropped ? op('mul.Tensor', p, keep) : p, split(op, v, heads)), joined), p]
  }),
)

const plainBackward = variants((variant) =>
  sequence((op, dy, q, k, v, p, keep, scale, heads, joined) => {
    const { product } = casts(op, variant)
    const [dyh, qh, kh, vh] = [dy, q, k, v].map((x) => split(op, x, heads)) as [Value, Value, Value, Value]
    const dKept = product(dyh, turned(op, vh))
    const dScores = op('mul_.Scalar', op('_softmax_backward_data', variant.dropped ? op('mul_.Tensor', dKept, keep) : dKept, p, -1, FLOAT32), scale)
    const kept = variant.dropped ? op('mul.Tensor', p, keep) : p
    return [product(dScores, kh), product(turned(op, dScores), qh), product(turned(op, kept), dyh)].map((gradient) => merge(op, gradient, joined))
  }),
)

let flashable: boolean | undefined

/** Whether libtorch's flash attention does it: it has no mask that multiplies probabilities. */
function isFlash(keep: TorchData | undefined, onCpu: boolean): boolean {
  flashable ??= has(FLASH) && has(`${FLASH}_backward`)
  return flashable && onCpu && keep === undefined
}

/** Chooses threads, and gives the variant and the arguments that follow from shapes. */
function prepared(q: TorchData, k: TorchData, mask: TorchData | undefined, keep: TorchData | undefined, count: number) {
  // Queries by keys by width, twice.
  threadsFor((2 * sizeOf(q.shape) * k.shape[1]!) / PRODUCTS_AN_ELEMENT)
  const [batch, , width] = q.shape as [number, number, number]
  return {
    variant: { low: reduces(q), masked: mask !== undefined, dropped: keep !== undefined },
    heads: [batch, -1, count, width / count],
    joined: [batch, -1, width],
    overKeys: [batch, 1, 1, -1],
    scale: 1 / Math.sqrt(width / count),
  }
}

/** The second result is what the gradient needs: the log of the sums with flash attention, else the probabilities. */
export const attentionKernels = (onCpu: () => boolean): KernelTable => ({
  UniDiagAttention: ({ q, k, v, mask, keep }, attributes) => {
    const fused = keep === undefined && !onCpu() && deviceAttention({ q: q!, k: k!, v: v!, mask }, attributes.heads)
    if (fused) return fused
    const { variant, heads, joined, overKeys, scale } = prepared(q!, k!, mask, keep, attributes.heads)
    if (isFlash(keep, onCpu())) return flash(variant)(q, k, v, mask, heads, joined, overKeys)
    return plain(variant)(q, k, v, mask, keep, scale, heads, joined, overKeys)
  },
  UniDiagAttentionGrad: ({ dy, q, k, v, y, probabilities, mask, keep }, attributes) => {
    const isLogSum = probabilities!.shape.length === 3
    if (isLogSum && !onCpu()) return deviceAttentionGradient({ q: q!, k: k!, v: v!, mask }, attributes.heads, dy!, y!, probabilities!)
    const { variant, heads, joined, overKeys, scale } = prepared(q!, k!, mask, keep, attributes.heads)
    if (isFlash(keep, onCpu())) return flashBackward(variant)(dy, q, k, v, y, probabilities, mask, heads, joined, overKeys)
    return plainBackward(variant)(dy, q, k, v, probabilities, keep, scale, heads, joined)
  },
})
