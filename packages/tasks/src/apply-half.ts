import { add, div, matMul, slice, type Tensor1D, type Tensor2D } from '@tensorflow/tfjs-core'
import type { Linear } from '@unidiag/core/nn/linear'

/** What a layer with a bias makes of the half of its input that begins at row `from`, with half of its bias (reference: gmcoord/objectives.py). */
export function applyHalf(layer: Linear, feature: Tensor2D, from: number): Tensor2D {
  const rows = slice(layer.weight.value as Tensor2D, [from, 0], [feature.shape[1], -1])
  return add(matMul(feature, rows), div(layer.bias!.value as Tensor1D, 2))
}
