import { aten, atenList, has } from '../aten.js'
import { FLOAT32 } from '../dtypes.js'
import type { KernelTable } from '../kernel.js'
import { PRODUCTS_AN_ELEMENT, threadsFor } from '../threads.js'
import { sizeOf, type TorchData } from '../torch-data.js'
import { batchedProduct, operand, result } from './product.js'

const reshape = aten('reshape')
const transpose = aten('transpose.int')
const mulTensor = aten('mul.Tensor')
const mul = aten('mul.Scalar')
const add = aten('add.Tensor')
const softmax = aten('_softmax')
const softmaxBackward = aten('_softmax_backward_data')
const FLASH = '_scaled_dot_product_flash_attention_for_cpu'
const flash = atenList(FLASH)
const flashBackward = atenList(`${FLASH}_backward`)

/** [B, T, d] -> [B, h, T, d / h], a view. */
const split = (x: TorchData, heads: number): TorchData => {
  const [batch, length, width] = x.shape
  return transpose(reshape(x, [batch!, length!, heads, width! / heads]), 1, 2)
}

/** [B, h, T, d / h] -> [B, T, d] */
const merge = (x: TorchData): TorchData => {
  const [batch, heads, length, width] = x.shape
  return reshape(transpose(x, 1, 2), [batch!, length!, heads! * width!])
}

/** [B, Tk] -> [B, 1, 1, Tk] */
const overKeys = (mask: TorchData): TorchData => reshape(mask, [mask.shape[0]!, 1, 1, mask.shape[1]!])

const flashMask = (mask: TorchData | undefined): TorchData | null => (mask === undefined ? null : operand(overKeys(mask)))

/** Queries by keys by width, twice. */
const workOf = (q: TorchData, k: TorchData): number => (2 * sizeOf(q.shape) * k.shape[1]!) / PRODUCTS_AN_ELEMENT

const scaleOf = (q: TorchData, heads: number): number => 1 / Math.sqrt(q.shape[2]! / heads)

let flashable: boolean | undefined

/** Whether libtorch's flash attention does it: it has no mask that multiplies probabilities. */
function isFlash(keep: TorchData | undefined, onCpu: boolean): boolean {
  flashable ??= has(FLASH) && has(`${FLASH}_backward`)
  return flashable && onCpu && keep === undefined
}

/** The second result is what the gradient needs: the log of the sums with flash attention, else the probabilities. */
export const attentionKernels = (onCpu: () => boolean): KernelTable => ({
  UniDiagAttention: ({ q, k, v, mask, keep }, { heads }) => {
    const [qh, kh, vh] = [split(q!, heads), split(k!, heads), split(v!, heads)]
    if (isFlash(keep, onCpu())) {
      threadsFor(workOf(q!, k!))
      const [y, logSum] = flash(operand(qh), operand(kh), operand(vh), 0, false, flashMask(mask), null)
      return [merge(result(y!)), logSum!]
    }
    const scores = batchedProduct(mul(qh, scaleOf(q!, heads)), transpose(kh, -1, -2))
    const probabilities = softmax(mask === undefined ? scores : add(scores, overKeys(mask)), -1, false)
    return [merge(batchedProduct(keep === undefined ? probabilities : mulTensor(probabilities, keep), vh)), probabilities]
  },
  UniDiagAttentionGrad: ({ dy, q, k, v, y, probabilities, mask, keep }, { heads }) => {
    const [qh, kh, vh, dyh] = [split(q!, heads), split(k!, heads), split(v!, heads), split(dy!, heads)]
    if (isFlash(keep, onCpu())) {
      threadsFor(workOf(q!, k!))
      const [dy16, q16, k16, v16, y16] = [dyh, qh, kh, vh, split(y!, heads)].map(operand)
      const gradients = flashBackward(dy16, q16, k16, v16, y16, probabilities, 0, false, flashMask(mask), null)
      return gradients.map((gradient) => merge(result(gradient)))
    }
    const dKept = batchedProduct(dyh, transpose(vh, -1, -2))
    const dScores = mul(softmaxBackward(keep === undefined ? dKept : mulTensor(dKept, keep), probabilities, -1, FLOAT32), scaleOf(q!, heads))
    const kept = keep === undefined ? probabilities! : mulTensor(probabilities, keep)
    return [batchedProduct(dScores, kh), batchedProduct(transpose(dScores, -1, -2), qh), batchedProduct(transpose(kept, -1, -2), dyh)].map(merge)
  },
})
