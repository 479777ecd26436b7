import { abs, add, isNaN as isNaNTensor, max, mul, type Tensor, type Tensor2D, tensor, where, zerosLike } from '@tensorflow/tfjs-core'
import { deviation } from '@unidiag/core/ops/deviation'
import { normals } from '@unidiag/core/ops/normals'
import type { Rng } from '@unidiag/core/random'

/** Added to the deviation (reference: gmcoord/main.py). */
const FLOOR = 1e-8

/**
 * Eq. 13: normal noise with the deviation of the gradient.
 * A single element has no deviation and gets no noise, nor does a gradient that overflowed.
 * @param gradient before it is modulated
 * @param usedRowsOnly leave rows alone that are zero as a whole: tokens and positions that the batch did not hold
 */
export function gradientNoise(gradient: Tensor, rng: Rng, usedRowsOnly: boolean): Tensor {
  if (gradient.size === 1) return zerosLike(gradient)
  const std = add(deviation(gradient), FLOOR)
  const drawn = usedRowsOnly && gradient.rank === 2 ? usedRowNormals(gradient as Tensor2D, rng) : normals(gradient.shape, rng)
  return mul(drawn, where(isNaNTensor(std), 0, std))
}

function usedRowNormals(gradient: Tensor2D, rng: Rng): Tensor {
  const [rows, width] = gradient.shape
  const largest = max(abs(gradient), 1).dataSync()
  const values = new Float32Array(rows * width)
  for (let row = 0; row < rows; row++) if (largest[row] > 0) values.set(rng.normals(width), row * width)
  return tensor(values, gradient.shape)
}
