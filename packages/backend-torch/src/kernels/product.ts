import { aten, has, lowOf, theAddon } from '../aten.js'
import { BFLOAT16, FLOAT32 } from '../dtypes.js'
import type { Inputs } from '../kernel.js'
import { precision } from '../precision.js'
import { type Operator, once, sequence, type Value, variants } from '../sequence.js'
import { isOnCpu, PRODUCTS_AN_ELEMENT, threadsFor } from '../threads.js'
import { sizeOf, type TorchData } from '../torch-data.js'

const ONEDNN = 'mkldnn::_linear_pointwise'
const matmul = aten('matmul')
const toDtype = aten('to.dtype')

/** Multiplications below which oneDNN's preparations cost more than it saves. */
const WORTHWHILE = 2 ** 20
/** Sides of a matrix below which oneDNN takes it for a vector, and its slowest way. */
const NARROW = 16

let faster: boolean | undefined

/** libtorch's own float32 products on the CPU are MKL's, which takes AVX-512 on Intel's processors only, where oneDNN takes it on everyone's. Without AVX-512 MKL is faster. */
function prefersOneDnn(a: TorchData, b: TorchData, products: number, narrowest: number): boolean {
  faster ??= theAddon().hasAvx512() && has(ONEDNN)
  return faster && a.code === FLOAT32 && b.code === FLOAT32 && narrowest >= NARROW && products >= WORTHWHILE && isOnCpu()
}

/** Whether products of this tensor are computed in bfloat16. */
export const reduces = (x: TorchData): boolean => x.code === FLOAT32 && precision() === 'bf16'

/** As the operands of products are taken: in bfloat16 where that is asked for. */
export const operand = (x: TorchData): TorchData => (reduces(x) ? toDtype(x, BFLOAT16) : x)

/** As `operand`, of what products take many times: its copy is kept with it. */
export const weightOperand = (x: TorchData): TorchData => (reduces(x) ? lowOf(x) : x)

/** Inputs of a kernel, of which those that are named and there are taken by `weightOperand`. */
export function weightOperands(inputs: Inputs, names: readonly string[]): Inputs {
  const lowered: Record<string, TorchData> = { ...inputs }
  if (precision() === 'bf16') for (const name of names) if (inputs[name]) lowered[name] = weightOperand(inputs[name])
  return lowered
}

/** What was computed of operands, in float32 again. */
export const result = (x: TorchData): TorchData => (x.code === BFLOAT16 ? toDtype(x, FLOAT32) : x)

/** `a [..., K]` times `b [N, K]` transposed, plus `bias [N]`, and what has to be done to `b` before it is turned. */
interface Multiplier {
  multiply(op: Operator, a: Value, b: Value, bias: Value | null): Value
  prepare(op: Operator, b: Value): Value
}

const asItIs = (_: Operator, b: Value): Value => b

const multipliers = {
  // A part of a wider matrix would send oneDNN its slowest way too.
  oneDnn: { multiply: (op, a, b, bias) => op(ONEDNN, a, b, bias, 'none', [], ''), prepare: (op, b) => op('contiguous', b) },
  f32: { multiply: (op, a, b, bias) => op('linear', a, b, bias), prepare: asItIs },
  bf16: {
    multiply: (op, a, b, bias) => op('to.dtype', op('linear', op('to.dtype', a, BFLOAT16), op('to.dtype', b, BFLOAT16), bias), FLOAT32),
    prepare: asItIs,
  },
} satisfies Record<string, Multiplier>

/** Who computes products, and in what precision. */
export type Engine = keyof typeof multipliers

/** Puts `x [..., in]` times `weight [in, out]` plus `bias` into a sequence. In bf16 the bias is so too. */
export function affine(op: Operator, engine: Engine, x: Value, weight: Value, bias: Value | null): Value {
  const { multiply, prepare } = multipliers[engine]
  return multiply(op, x, op('t', prepare(op, weight)), bias)
}

/**
 * Puts those gradients of `affine` into a sequence that are asked for, where `dy [..., out]` is that of its result.
 * @param inputs @param outputs shapes of rows, [-1, in] and [-1, out]
 */
export function affineGradients(
  op: Operator,
  engine: Engine,
  { x, dy, weight, inputs, outputs }: { x: Value; dy: () => Value; weight: Value; inputs: Value | readonly number[]; outputs: Value | readonly number[] },
): Record<'x' | 'weight' | 'bias', () => Value> {
  const { multiply, prepare } = multipliers[engine]
  const rows = once(() => op('reshape', dy(), outputs))
  return {
    x: once(() => multiply(op, dy(), prepare(op, weight), null)),
    weight: () => multiply(op, op('t', op('reshape', x, inputs)), op('t', prepare(op, rows())), null),
    bias: () => op('sum.dim_IntList', rows(), [0]),
  }
}

const straight = variants(({ engine }: { engine: Engine }) => sequence((op, a, b, bias) => [affine(op, engine, a, b, bias)]))

const transposed = variants(({ engine }: { engine: Engine }) => {
  const { multiply, prepare } = multipliers[engine]
  return sequence((op, a, b, bias) => [multiply(op, a, prepare(op, b), bias)])
})

const gradients = variants(({ engine, needed }: { engine: Engine; needed: readonly string[] }) =>
  sequence((op, x, dy, weight, inputs, outputs) => {
    const all: Record<string, () => Value> = affineGradients(op, engine, { x, dy: () => dy, weight, inputs, outputs })
    return needed.map((name) => all[name]!())
  }),
)

/** Chooses threads too. @param narrowest side of b as a matrix */
export function engineFor(a: TorchData, b: TorchData, products: number, narrowest: number): Engine {
  threadsFor(products / PRODUCTS_AN_ELEMENT)
  if (reduces(a)) return 'bf16'
  return prefersOneDnn(a, b, products, narrowest) ? 'oneDnn' : 'f32'
}

/** `a [..., K]` times a matrix `b [K, N]`, or `[N, K]` where it is `turned`, plus `bias [N]`. */
export function product(a: TorchData, b: TorchData, { bias, turned = false }: { bias?: TorchData | undefined; turned?: boolean } = {}): TorchData {
  const [rows, columns] = b.shape as [number, number]
  const engine = engineFor(a, b, (sizeOf(a.shape) / a.shape.at(-1)!) * rows * columns, Math.min(rows, columns))
  return (turned ? transposed : straight)({ engine })(a, weightOperand(b), bias && weightOperand(bias))[0]!
}

/** Those of `x [..., K]`, `weight [K, N]` and `bias [N]` that are needed, where `dy [..., N]` is the gradient of the result. */
export function linearGradients(x: TorchData, dy: TorchData, weight: TorchData, needed: readonly string[]): TorchData[] {
  const [inputs, outputs] = weight.shape as [number, number]
  // Both products have the same size; the matrix that is turned is the weight, and the rows of dy.
  const engine = engineFor(x, dy, sizeOf(x.shape) * outputs, Math.min(inputs, outputs, sizeOf(dy.shape) / outputs))
  return gradients({ engine, needed })(x, dy, weightOperand(weight), [-1, inputs], [-1, outputs])
}

/** Products of matrices side by side, as `matmul`. */
export function batchedProduct(a: TorchData, b: TorchData): TorchData {
  threadsFor((sizeOf(a.shape) * b.shape.at(-1)!) / PRODUCTS_AN_ELEMENT)
  return reduces(a) ? result(matmul(operand(a), operand(b))) : matmul(a, b)
}
