import { has } from '../aten.js'
import { BFLOAT16, FLOAT32 } from '../dtypes.js'
import type { KernelTable } from '../kernel.js'
import { namedSequence, type Operator, type Value, variants } from '../sequence.js'
import { isOnCpu, PRODUCTS_AN_ELEMENT, threadsFor } from '../threads.js'
import { sizeOf, type TorchData } from '../torch-data.js'
import { deviceAttention, deviceAttentionGradient } from './device-attention.js'
import { reduces } from './product.js'

const FLASH = '_scaled_dot_product_flash_attention_for_cpu'

/** `flash`: by libtorch's fused kernel; `low`, products in bfloat16; `masked`, scores get a mask; `dropped`, probabilities are multiplied by `keep`. */
export interface AttentionVariant {
  readonly flash: boolean
  readonly low: boolean
  readonly masked: boolean
  readonly dropped: boolean
}

/** In a sequence: q, k, v `[B, T, d]`; `heads`, `joined` and `overKeys` are the shapes [B, -1, h, d / h], [B, -1, d] and [B, 1, 1, -1]. */
interface Attended {
  readonly q: Value
  readonly k: Value
  readonly v: Value
  readonly mask: Value
  readonly keep: Value
  readonly scale: Value | number
  readonly heads: Value
  readonly joined: Value
  readonly overKeys: Value
}

/** [B, T, d] -> [B, h, T, d / h], a view. */
const split = (op: Operator, x: Value, shape: Value): Value => op('transpose.int', op('reshape', x, shape), 1, 2)
/** And back. */
export const merge = (op: Operator, x: Value, shape: Value): Value => op('reshape', op('transpose.int', x, 1, 2), shape)

const turned = (op: Operator, x: Value): Value => op('transpose.int', x, -1, -2)

/** Operands and results of products, in bfloat16 and float32 where they are low. */
function casts(op: Operator, low: boolean) {
  const cast = (code: number) => (x: Value) => (low ? op('to.dtype', x, code) : x)
  const [down, up] = [cast(BFLOAT16), cast(FLOAT32)]
  return { down, up, product: (a: Value, b: Value): Value => up(op('matmul', down(a), down(b))) }
}

/** Puts attention into a sequence: its result [B, T, d], and what its gradient needs, the log of the sums or the probabilities. */
export function attend(op: Operator, { flash, low, masked, dropped }: AttentionVariant, g: Attended): [Value, Value] {
  const { down, up, product } = casts(op, low)
  const [q, k, v] = [g.q, g.k, g.v].map((x) => split(op, x, g.heads)) as [Value, Value, Value]
  if (flash) {
    const y = op(FLASH, down(q), down(k), down(v), 0, false, masked ? down(op('reshape', g.mask, g.overKeys)) : null, null)
    return [merge(op, up(y), g.joined), y.next]
  }
  const scores = product(op('mul.Scalar', q, g.scale), turned(op, k))
  const p = op('_softmax', masked ? op('add_.Tensor', scores, op('reshape', g.mask, g.overKeys)) : scores, -1, false)
  return [merge(op, product(dropped ? op('mul.Tensor', p, g.keep) : p, v), g.joined), p]
}

/** Puts the gradients of `attend` for q, k and v into a sequence, `[B, h, T, d / h]` each. @param dy of its result y @param kept its second result */
export function attendBackward(op: Operator, { flash, low, masked, dropped }: AttentionVariant, g: Attended & { dy: Value; y: Value; kept: Value }): Value[] {
  const { down, up, product } = casts(op, low)
  const [dy, q, k, v] = [g.dy, g.q, g.k, g.v].map((x) => split(op, x, g.heads)) as [Value, Value, Value, Value]
  if (flash) {
    const y = split(op, g.y, g.heads)
    const mask = masked ? down(op('reshape', g.mask, g.overKeys)) : null
    const dq = op(`${FLASH}_backward`, down(dy), down(q), down(k), down(v), down(y), g.kept, 0, false, mask, null)
    return [dq, dq.next, dq.next.next].map(up)
  }
  const dKept = product(dy, turned(op, v))
  const dScores = op('mul_.Scalar', op('_softmax_backward_data', dropped ? op('mul_.Tensor', dKept, g.keep) : dKept, g.kept, -1, FLOAT32), g.scale)
  const kept = dropped ? op('mul.Tensor', g.kept, g.keep) : g.kept
  return [product(dScores, k), product(turned(op, dScores), q), product(turned(op, kept), dy)]
}

const GIVEN = ['q', 'k', 'v', 'mask', 'keep', 'scale', 'heads', 'joined', 'overKeys'] as const

const forward = variants((variant: AttentionVariant) => namedSequence(GIVEN, (op, given) => attend(op, variant, given)))

const backward = variants((variant: AttentionVariant) =>
  namedSequence([...GIVEN, 'dy', 'y', 'kept'], (op, given) => attendBackward(op, variant, given).map((x) => merge(op, x, given.joined))),
)

let flashable: boolean | undefined

/** Whether libtorch's flash attention does it: it has no mask that multiplies probabilities. */
function isFlash(keep: TorchData | undefined): boolean {
  flashable ??= has(FLASH) && has(`${FLASH}_backward`)
  return flashable && keep === undefined && isOnCpu()
}

/** Multiply-adds: queries by keys by width, twice. */
export const attentionProducts = (q: TorchData, keys: number): number => 2 * sizeOf(q.shape) * keys

/** The variant, and the arguments that follow from shapes. @param q `[B, Tq, d]` */
export function attentionPlan(q: TorchData, mask: TorchData | undefined, keep: TorchData | undefined, count: number) {
  const [batch, , width] = q.shape as [number, number, number]
  return {
    variant: { flash: isFlash(keep), low: reduces(q), masked: mask !== undefined, dropped: keep !== undefined },
    shapes: { heads: [batch, -1, count, width / count], joined: [batch, -1, width], overKeys: [batch, 1, 1, -1] },
    scale: 1 / Math.sqrt(width / count),
  }
}

/** The second result is what the gradient needs: the log of the sums with fused attention, else the probabilities. */
export const attentionKernels: KernelTable = {
  UniDiagAttention: ({ q, k, v, mask, keep }, attributes) => {
    const fused = keep === undefined && deviceAttention({ q: q!, k: k!, v: v!, mask }, attributes.heads)
    if (fused) return fused
    threadsFor(attentionProducts(q!, k!.shape[1]!) / PRODUCTS_AN_ELEMENT)
    const { variant, shapes, scale } = attentionPlan(q!, mask, keep, attributes.heads)
    return forward(variant)({ q, k, v, mask, keep, scale, ...shapes })
  },
  UniDiagAttentionGrad: ({ dy, q, k, v, y, probabilities, mask, keep }, attributes) => {
    const isLogSum = probabilities!.shape.length === 3
    if (isLogSum && !isOnCpu()) return deviceAttentionGradient({ q: q!, k: k!, v: v!, mask }, attributes.heads, dy!, y!, probabilities!)
    threadsFor(attentionProducts(q!, k!.shape[1]!) / PRODUCTS_AN_ELEMENT)
    const { variant, shapes, scale } = attentionPlan(q!, mask, keep, attributes.heads)
    return backward(variant)({ dy, q, k, v, y, kept: probabilities, mask, keep, scale, ...shapes })
  },
}
