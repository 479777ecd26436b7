import { aten } from '../aten.js'
import type { Compute, KernelTable } from '../kernel.js'

const square = aten('square')
const subtract = aten('sub.Tensor')
const add = aten('add.Tensor')
const divideMode = aten('div.Tensor_mode')

const binary = (name: string): Compute => {
  const f = aten(name)
  return ({ a, b }) => f(a, b)
}

export const binaryKernels: KernelTable = {
  Add: binary('add.Tensor'),
  AddN: (inputs) => Object.values(inputs).reduce((sum, x) => add(sum, x)),
  Atan2: binary('atan2'),
  BitwiseAnd: binary('bitwise_and.Tensor'),
  Equal: binary('eq.Tensor'),
  FloorDiv: ({ a, b }) => divideMode(a, b, 'floor'),
  Greater: binary('gt.Tensor'),
  GreaterEqual: binary('ge.Tensor'),
  Less: binary('lt.Tensor'),
  LessEqual: binary('le.Tensor'),
  LogicalAnd: binary('logical_and'),
  LogicalOr: binary('logical_or'),
  LogicalXor: binary('logical_xor'),
  Maximum: binary('maximum'),
  Minimum: binary('minimum'),
  Mod: binary('remainder.Tensor'),
  Multiply: binary('mul.Tensor'),
  NotEqual: binary('ne.Tensor'),
  Pow: binary('pow.Tensor_Tensor'),
  RealDiv: binary('div.Tensor'),
  SquaredDifference: ({ a, b }) => square(subtract(a, b)),
  Sub: binary('sub.Tensor'),
}
