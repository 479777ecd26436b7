import { aten, atenList, has } from '../aten.js'
import { BFLOAT16, FLOAT32, INT64 } from '../dtypes.js'
import { isOnCpu } from '../threads.js'
import { sizeOf, type TorchData } from '../torch-data.js'
import { operand, result } from './product.js'

const FLASH = '_flash_attention_forward'
const FLASH_BACKWARD = '_flash_attention_backward'
const EFFICIENT = '_scaled_dot_product_efficient_attention'
const EFFICIENT_BACKWARD = `${EFFICIENT}_backward`

const flash = atenList(FLASH)
const flashBackward = atenList(FLASH_BACKWARD)
const efficient = atenList(EFFICIENT)
const efficientBackward = atenList(EFFICIENT_BACKWARD)
const reshape = aten('reshape')
const transpose = aten('transpose.int')
const pad = aten('constant_pad_nd')
const slice = aten('slice.Tensor')
const expand = aten('expand')
const empty = aten('empty.memory_format')

/** Queries, keys and values `[B, T, heads, width]`, and what is added to the scores of each key, `[B, Tk]`. */
interface Heads {
  readonly q: TorchData
  readonly k: TorchData
  readonly v: TorchData
  readonly mask: TorchData | undefined
}

/** One of libtorch's fused kernels, which keep the log of the sums and no probabilities. */
interface Fused {
  readonly needs: readonly string[]
  takes(heads: Heads): boolean
  /** `[B, Tq, heads, width]` and the log of the sums. */
  forward(heads: Heads): [TorchData, TorchData]
  backward(heads: Heads, dy: TorchData, y: TorchData, logSum: TorchData): TorchData[]
}

/** The fastest there is, for bfloat16 without a mask. */
const flashKernel: Fused = {
  needs: [FLASH, FLASH_BACKWARD],
  takes: ({ q, mask }) => q.code === BFLOAT16 && mask === undefined && q.shape[3]! <= 256,
  forward: ({ q, k, v }) => {
    const [y, logSum] = flash(q, k, v, null, null, q.shape[1]!, k.shape[1]!, 0, false, false)
    return [y!, logSum!]
  },
  backward: ({ q, k, v }, dy, y, logSum) => {
    // The state of a generator that only dropout reads.
    const unread = empty([0], INT64)
    return flashBackward(dy, q, k, v, y, logSum, null, null, q.shape[1]!, k.shape[1]!, 0, false, unread, unread)
  },
}

/** The kernel reads masks in pieces of up to this many elements, beyond the last key too. */
const MASK_PIECE = 16

const overScores = ({ q, k, mask }: Heads): TorchData | null => {
  if (mask === undefined) return null
  const [batch, keys] = mask.shape as [number, number]
  const room = (MASK_PIECE - (keys % MASK_PIECE)) % MASK_PIECE
  const aligned = room === 0 ? mask : slice(pad(mask, [0, room], 0), 1, 0, keys)
  return expand(reshape(aligned, [batch, 1, 1, keys]), [batch, q.shape[2]!, q.shape[1]!, k.shape[1]!])
}

/** [B, T, heads, width] as [B, heads, T, width] and back, a view. */
const swapped = (x: TorchData): TorchData => transpose(x, 1, 2)

const efficientKernel: Fused = {
  needs: [EFFICIENT, EFFICIENT_BACKWARD],
  takes: () => true,
  forward: (heads) => {
    const [y, logSum] = efficient(swapped(heads.q), swapped(heads.k), swapped(heads.v), overScores(heads), true, 0, false)
    return [swapped(y!), logSum!]
  },
  backward: (heads, dy, y, logSum) => {
    const [q, k, v] = [heads.q, heads.k, heads.v].map(swapped)
    const unread = empty([], INT64)
    const wanted = [true, true, true, false]
    const gradients = efficientBackward(swapped(dy), q, k, v, overScores(heads), swapped(y), logSum, unread, unread, 0, wanted, false)
    return gradients.slice(0, 3).map(swapped)
  },
}

const kernels = [flashKernel, efficientKernel]
/** Whether a kernel runs on this device: what ran once is not doubted again. */
const runs = new Map<Fused, boolean>()

const isKnown = (kernel: Fused): boolean => runs.get(kernel) ?? kernel.needs.every(has)

/** The kernels load 16 bytes at a time. */
const isAligned = (width: number, code: number): boolean => width % (code === FLOAT32 ? 4 : 8) === 0

function split({ q, k, v, mask }: Heads, heads: number): Heads | undefined {
  if (isOnCpu()) return undefined
  const byHead = (x: TorchData): TorchData => reshape(operand(x), [x.shape[0]!, x.shape[1]!, heads, x.shape[2]! / heads])
  const taken = { q: byHead(q), k: byHead(k), v: byHead(v), mask: mask && operand(mask) }
  return isAligned(taken.q.shape[3]!, taken.q.code) && sizeOf(q.shape) > 0 && sizeOf(k.shape) > 0 ? taken : undefined
}

const merged = (x: TorchData): TorchData => result(reshape(x, [x.shape[0]!, x.shape[1]!, x.shape[2]! * x.shape[3]!]))

/**
 * Attention of `q`, `k`, `v` `[B, T, d]` by one of libtorch's fused kernels for CUDA: `[B, Tq, d]`, and what `deviceAttentionGradient` needs, which has
 * three dimensions. Undefined where there is none for this device, dtype or width of a head.
 */
export function deviceAttention(inputs: Heads, heads: number): [TorchData, TorchData] | undefined {
  const taken = split(inputs, heads)
  if (taken === undefined) return undefined
  for (const kernel of kernels) {
    if (!kernel.takes(taken) || !isKnown(kernel)) continue
    try {
      const [y, logSum] = kernel.forward(taken)
      runs.set(kernel, true)
      return [merged(y), logSum]
    } catch (error) {
      // An older GPU has no such kernel, and libtorch 2.0 gives it other arguments.
      if (runs.get(kernel) || (error as { code?: string }).code === 'OUT_OF_MEMORY') throw error
      runs.set(kernel, false)
    }
  }
  return undefined
}

/** The gradients of `q`, `k` and `v`, where `deviceAttention` gave `y` and `logSum`. */
export function deviceAttentionGradient(inputs: Heads, heads: number, dy: TorchData, y: TorchData, logSum: TorchData): TorchData[] {
  const taken = split(inputs, heads)!
  const kernel = kernels.find((one) => one.takes(taken) && isKnown(one))!
  const like = (x: TorchData): TorchData => reshape(operand(x), taken.q.shape)
  return kernel.backward(taken, like(dy), like(y), logSum).map(merged)
}
