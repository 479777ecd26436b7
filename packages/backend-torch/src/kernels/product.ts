import { aten, has, type Operator, sequence, theAddon, type Value } from '../aten.js'
import { BFLOAT16, FLOAT32 } from '../dtypes.js'
import { precision } from '../precision.js'
import { PRODUCTS_AN_ELEMENT, threadsFor } from '../threads.js'
import { sizeOf, type TorchData } from '../torch-data.js'

const ONEDNN = 'mkldnn::_linear_pointwise'
const matmul = aten('matmul')
const toDtype = aten('to.dtype')

/** Multiplications below which oneDNN's preparations cost more than it saves. */
const WORTHWHILE = 2 ** 20
/** Sides of a matrix below which oneDNN takes it for a vector, and its slowest way. */
const NARROW = 16

let known: boolean | undefined

/** libtorch's own float32 products on the CPU are MKL's, which takes the wide vectors of Intel's processors only; oneDNN takes everyone's. */
function prefersOneDnn(a: TorchData, b: TorchData, products: number, narrowest: number): boolean {
  known ??= has(ONEDNN)
  return known && a.code === FLOAT32 && b.code === FLOAT32 && narrowest >= NARROW && products >= WORTHWHILE && theAddon().device() === 'cpu'
}

/** Whether products of this tensor are computed in bfloat16. */
export const reduces = (x: TorchData): boolean => x.code === FLOAT32 && precision() === 'bf16'

/** As the operands of products are taken: in bfloat16 where that is asked for. */
export const operand = (x: TorchData): TorchData => (reduces(x) ? toDtype(x, BFLOAT16) : x)

/** What was computed of operands, in float32 again. */
export const result = (x: TorchData): TorchData => (x.code === BFLOAT16 ? toDtype(x, FLOAT32) : x)

/** One engine's `a [..., K]` times `b [N, K]` transposed, plus `bias [N]`, and what has to be done to `b` before it is turned. */
interface Engine {
  multiply(op: Operator, a: Value, b: Value, bias: Value | null): Value
  prepare?(op: Operator, b: Value): Value
}

function products({ multiply, prepare = (_, b) => b }: Engine) {
  return {
    /** a b + bias */
    straight: sequence((op, a, b, bias) => [multiply(op, a, op('t', prepare(op, b)), bias)]),
    /** a b^T + bias */
    transposed: sequence((op, a, b, bias) => [multiply(op, a, prepare(op, b), bias)]),
    gradients: ways((needed) =>
      // The shapes of rows are [-1, in] and [-1, out].
      sequence((op, x, dy, weight, inputs, outputs) => {
        const rows = op('reshape', dy, outputs)
        const make: Record<string, () => Value> = {
          x: () => multiply(op, dy, prepare(op, weight), null),
          weight: () => multiply(op, op('t', op('reshape', x, inputs)), op('t', prepare(op, rows)), null),
          bias: () => op('sum.dim_IntList', rows, [0]),
        }
        return needed.map((name) => make[name]!())
      }),
    ),
  }
}

/** A sequence for each choice of gradients, made when it is first asked for. */
function ways<T>(make: (needed: readonly string[]) => T): (needed: readonly string[]) => T {
  const made = new Map<string, T>()
  return (needed) => {
    const key = needed.join()
    let found = made.get(key)
    if (found === undefined) {
      found = make(needed)
      made.set(key, found)
    }
    return found
  }
}

const engines = {
  // A part of a wider matrix would send oneDNN its slowest way too.
  oneDnn: products({ multiply: (op, a, b, bias) => op(ONEDNN, a, b, bias, 'none', [], ''), prepare: (op, b) => op('contiguous', b) }),
  f32: products({ multiply: (op, a, b, bias) => op('linear', a, b, bias) }),
  bf16: products({
    multiply: (op, a, b, bias) => op('to.dtype', op('linear', op('to.dtype', a, BFLOAT16), op('to.dtype', b, BFLOAT16), bias), FLOAT32),
  }),
}

/** @param narrowest side of b as a matrix */
function engineFor(a: TorchData, b: TorchData, products: number, narrowest: number): (typeof engines)[keyof typeof engines] {
  threadsFor(products / PRODUCTS_AN_ELEMENT)
  if (reduces(a)) return engines.bf16
  return prefersOneDnn(a, b, products, narrowest) ? engines.oneDnn : engines.f32
}

/** `a [..., K]` times a matrix `b [K, N]`, or `[N, K]` where it is `transposed`, plus `bias [N]`. */
export function product(a: TorchData, b: TorchData, { bias, transposed = false }: { bias?: TorchData | undefined; transposed?: boolean } = {}): TorchData {
  const [rows, columns] = b.shape as [number, number]
  const engine = engineFor(a, b, (sizeOf(a.shape) / a.shape.at(-1)!) * rows * columns, Math.min(rows, columns))
  return (transposed ? engine.transposed : engine.straight)(a, b, bias && operand(bias))[0]!
}

/** Those of `x [..., K]`, `weight [K, N]` and `bias [N]` that are needed, where `dy [..., N]` is the gradient of the result. */
export function linearGradients(x: TorchData, dy: TorchData, weight: TorchData, needed: readonly string[]): TorchData[] {
  const [inputs, outputs] = weight.shape as [number, number]
  // Both products have the same size; the matrix that is turned is the weight, and the rows of dy.
  const engine = engineFor(x, dy, sizeOf(x.shape) * outputs, Math.min(inputs, outputs, sizeOf(dy.shape) / outputs))
  return engine.gradients(needed)(x, dy, weight, [-1, inputs], [-1, outputs])
}

/** Products of matrices side by side, as `matmul`. */
export function batchedProduct(a: TorchData, b: TorchData): TorchData {
  threadsFor((sizeOf(a.shape) * b.shape.at(-1)!) / PRODUCTS_AN_ELEMENT)
  return reduces(a) ? result(matmul(operand(a), operand(b))) : matmul(a, b)
}
