import type { Tensor3D } from '@tensorflow/tfjs-core'
import { gelu, quickGelu } from './gelu.js'
import { linear } from './linear.js'
import { type Affine, asOneKernel, type Surroundings, surrounded } from './sublayer.js'

const activations = { gelu, quickGelu }

export interface FeedForward extends Surroundings {
  /** `[d, hidden]` */
  readonly expand: Affine
  /** `[hidden, d]` */
  readonly contract: Affine
  readonly activation: keyof typeof activations
}

/** Feed-forward sub-layer of a transformer's block: f(x) = contract(activation(expand(x))). @param x `[B, T, d]` @returns `[B, T, d]` */
export function feedForward(x: Tensor3D, o: FeedForward): Tensor3D {
  const { expand, contract, activation } = o
  const inputs = { x, expandWeight: expand.weight, expandBias: expand.bias, contractWeight: contract.weight, contractBias: contract.bias }
  return (
    asOneKernel<Tensor3D>('UniDiagFeedForward', o, { inputs, activation }) ??
    surrounded(x, o, (y) => linear(activations[activation](linear(y, expand.weight, expand.bias)), contract.weight, contract.bias))
  )
}
