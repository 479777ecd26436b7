import { aten } from '../aten.js'
import { FLOAT32 } from '../dtypes.js'
import type { Compute, KernelTable } from '../kernel.js'
import type { TorchData } from '../torch-data.js'

const gt = aten('gt.Scalar')
const ge = aten('ge.Scalar')
const where = aten('where.self')
const mulTensor = aten('mul.Tensor')
const fill = aten('full_like')
const isNan = aten('isnan')
const clamp = aten('clamp')
const toDtype = aten('to.dtype')
const leaky = aten('leaky_relu')
const softplus = aten('softplus')
const elu = aten('elu')
const eluPlusOne = aten('add.Scalar')
const hardtanh = aten('hardtanh')

const unary = (name: string): Compute => {
  const f = aten(name)
  return ({ x }) => f(x)
}

/** y of the positive side, and `below` of the others; NaN stays NaN. */
const step = (x: TorchData, below: number): TorchData => where(isNan(x), x, where(gt(x, 0), fill(x, 1), fill(x, below)))

export const unaryKernels: KernelTable = {
  Abs: unary('abs'),
  Acos: unary('acos'),
  Acosh: unary('acosh'),
  Asin: unary('asin'),
  Asinh: unary('asinh'),
  Atan: unary('atan'),
  Atanh: unary('atanh'),
  Ceil: unary('ceil'),
  ComplexAbs: unary('abs'),
  Cos: unary('cos'),
  Cosh: unary('cosh'),
  Erf: unary('erf'),
  Exp: unary('exp'),
  Expm1: unary('expm1'),
  Floor: unary('floor'),
  IsFinite: unary('isfinite'),
  IsInf: unary('isinf'),
  IsNan: unary('isnan'),
  Log: unary('log'),
  Log1p: unary('log1p'),
  LogicalNot: unary('logical_not'),
  Neg: unary('neg'),
  Reciprocal: unary('reciprocal'),
  Relu: unary('relu'),
  Round: unary('round'),
  Rsqrt: unary('rsqrt'),
  Selu: unary('selu'),
  Sigmoid: unary('sigmoid'),
  Sign: unary('sign'),
  Sin: unary('sin'),
  Sinh: unary('sinh'),
  Sqrt: unary('sqrt'),
  Square: unary('square'),
  Tan: unary('tan'),
  Tanh: unary('tanh'),
  Elu: ({ x }) => elu(x),
  EluGrad: ({ dy, y }) => where(ge(y, 0), dy, mulTensor(dy, eluPlusOne(y, 1))),
  Relu6: ({ x }) => hardtanh(x, 0, 6),
  Softplus: ({ x }) => softplus(x),
  Step: ({ x }, { alpha }) => step(x!, alpha),
  LeakyRelu: ({ x }, { alpha }) => leaky(x!.code === FLOAT32 ? x : toDtype(x, FLOAT32), alpha),
  ClipByValue: ({ x }, { clipValueMin, clipValueMax }) => clamp(x, clipValueMin, clipValueMax),
  Prelu: ({ x, alpha }) => where(gt(x, 0), x, mulTensor(x, alpha)),
}
