import { backend_util, util } from '@tensorflow/tfjs-core'
import { aten, theAddon } from '../aten.js'
import { FLOAT32, FLOAT64, INT32 } from '../dtypes.js'
import type { Attributes, Inputs, KernelTable } from '../kernel.js'
import type { TorchData } from '../torch-data.js'
import { batchedProduct, product } from './product.js'

const transpose = aten('transpose.int')
const reshape = aten('reshape')
const add = aten('add.Tensor')
const einsum = aten('einsum')
const toDtype = aten('to.dtype')

const flipped = (x: TorchData, flag: boolean): TorchData => (flag ? transpose(x, -1, -2) : x)

function multiply(a: TorchData, b: TorchData, transposeA: boolean, transposeB: boolean): TorchData {
  // CUDA multiplies no matrices of integers; float64 holds every int32 and its sums of products up to 2^53.
  if (a.code === INT32 && b.code === INT32 && theAddon().device() !== 'cpu')
    return toDtype(multiply(toDtype(a, FLOAT64), toDtype(b, FLOAT64), transposeA, transposeB), INT32)
  const rank = b.shape.length
  util.assert(a.shape.length >= 2 && rank >= 2, () => `Error in matMul: inputs must have at least rank 2, got ${a.shape.length} and ${rank}.`)
  const left = flipped(a, transposeA)
  // One matrix for a whole batch is one large product instead of many small ones.
  const single = a.shape.length >= rank && b.shape.slice(0, -2).every((n) => n === 1)
  if (single) return product(left, rank === 2 ? b : reshape(b, b.shape.slice(-2)), { turned: transposeB })
  return batchedProduct(left, flipped(b, transposeB))
}

const activations: Readonly<Record<string, (x: TorchData, alpha: TorchData | undefined, slope: number) => TorchData>> = (() => {
  const relu = aten('relu')
  const hardtanh = aten('hardtanh')
  const elu = aten('elu')
  const sigmoid = aten('sigmoid')
  const leaky = aten('leaky_relu')
  const where = aten('where.self')
  const gt = aten('gt.Scalar')
  const mul = aten('mul.Tensor')
  return {
    linear: (x) => x,
    relu: (x) => relu(x),
    relu6: (x) => hardtanh(x, 0, 6),
    elu: (x) => elu(x),
    sigmoid: (x) => sigmoid(x),
    prelu: (x, alpha) => where(gt(x, 0), x, mul(x, alpha)),
    leakyrelu: (x, _, slope) => leaky(x, slope),
  }
})()

/** Bias (broadcast) and activation of tfjs's fused kernels. */
export function finish(y: TorchData, inputs: Inputs, { activation, leakyreluAlpha }: Attributes): TorchData {
  const biased = inputs.bias === undefined ? y : add(y, inputs.bias)
  return activations[activation ?? 'linear']!(biased, inputs.preluActivationWeights, leakyreluAlpha ?? 0.2)
}

export const matmulKernels: KernelTable = {
  BatchMatMul: ({ a, b }, { transposeA, transposeB }) => multiply(a!, b!, transposeA, transposeB),
  _FusedMatMul: (inputs, attributes) => {
    const { a, b, bias } = inputs
    const { transposeA, transposeB } = attributes
    const plain = a!.shape.length === 2 && b!.shape.length === 2 && bias !== undefined && a!.code === FLOAT32 && bias.shape.length <= 2
    if (!plain) return finish(multiply(a!, b!, transposeA, transposeB), inputs, attributes)
    const y = product(flipped(a!, transposeA), b!, { bias, turned: transposeB })
    return finish(y, { ...inputs, bias: undefined as never }, attributes)
  },
  Einsum: (inputs, { equation }) => {
    const tensors = Object.values(inputs)
    const { allDims, idDims } = backend_util.decodeEinsumEquation(equation, tensors.length)
    backend_util.checkEinsumDimSizes(allDims.length, idDims, tensors as never)
    return einsum(equation.replace(/\s/g, ''), tensors)
  },
}
