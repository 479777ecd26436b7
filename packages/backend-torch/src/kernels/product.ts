import { aten, has, theAddon } from '../aten.js'
import { BFLOAT16, FLOAT32 } from '../dtypes.js'
import { precision } from '../precision.js'
import { PRODUCTS_AN_ELEMENT, threadsFor } from '../threads.js'
import { sizeOf, type TorchData } from '../torch-data.js'

const ONEDNN = 'mkldnn::_linear_pointwise'
const onednn = aten(ONEDNN)
const addmm = aten('addmm')
const contiguous = aten('contiguous')
const linear = aten('linear')
const matmul = aten('matmul')
const t = aten('t')
const toDtype = aten('to.dtype')

/** Multiplications below which oneDNN's preparations cost more than it saves. */
const WORTHWHILE = 2 ** 20
/** Sides of a matrix below which oneDNN takes it for a vector, and its slowest way. */
const NARROW = 16

let known: boolean | undefined

/** libtorch's own float32 products on the CPU are MKL's, which takes the wide vectors of Intel's processors only; oneDNN takes everyone's. */
function prefersOneDnn(a: TorchData, b: TorchData, products: number): boolean {
  known ??= has(ONEDNN)
  if (!known || a.code !== FLOAT32 || b.code !== FLOAT32 || Math.min(...b.shape) < NARROW) return false
  return products >= WORTHWHILE && theAddon().device() === 'cpu'
}

/** Whether products of this tensor are computed in bfloat16. */
const reduces = (x: TorchData): boolean => x.code === FLOAT32 && precision() === 'bf16'

/** As the operands of products are taken: in bfloat16 where that is asked for. */
export const operand = (x: TorchData): TorchData => (reduces(x) ? toDtype(x, BFLOAT16) : x)

/** What was computed of operands, in float32 again. */
export const result = (x: TorchData): TorchData => (x.code === BFLOAT16 ? toDtype(x, FLOAT32) : x)

/** `a [..., K]` times a matrix `b [K, N]`, or `[N, K]` where it is `transposed`, plus `bias [N]`. */
export function product(a: TorchData, b: TorchData, { bias, transposed = false }: { bias?: TorchData | undefined; transposed?: boolean } = {}): TorchData {
  const products = (sizeOf(a.shape) * sizeOf(b.shape)) / a.shape.at(-1)!
  threadsFor(products / PRODUCTS_AN_ELEMENT)
  const rowsAreOutputs = (x: TorchData): TorchData => (transposed ? x : t(x))
  if (reduces(a)) return result(linear(operand(a), rowsAreOutputs(operand(b)), bias && operand(bias)))
  // A part of a wider matrix would send oneDNN its slowest way too.
  if (prefersOneDnn(a, b, products)) return onednn(a, rowsAreOutputs(contiguous(b)), bias, 'none', [], '')
  const columnsAreOutputs = transposed ? t(b) : b
  if (bias === undefined) return matmul(a, columnsAreOutputs)
  return a.shape.length === 2 ? addmm(bias, a, columnsAreOutputs) : linear(a, rowsAreOutputs(b), bias)
}

/** Products of matrices side by side, as `matmul`. */
export function batchedProduct(a: TorchData, b: TorchData): TorchData {
  threadsFor((sizeOf(a.shape) * b.shape.at(-1)!) / PRODUCTS_AN_ELEMENT)
  return reduces(a) ? result(matmul(operand(a), operand(b))) : matmul(a, b)
}
