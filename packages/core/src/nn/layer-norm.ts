import type { Tensor, Tensor1D } from '@tensorflow/tfjs-core'
import { layerNorm } from '../ops/layer-norm.js'
import type { Surroundings } from '../ops/sublayer.js'
import { ones, type Parameter, type Parameters, zeros } from './parameter.js'

/** Layer normalisation over the last axis. Parameters `name.weight` and `name.bias`. */
export class LayerNorm {
  readonly weight: Parameter
  readonly bias: Parameter
  readonly eps: number

  constructor(parameters: Parameters, name: string, width: number, eps: number) {
    this.weight = parameters.create(`${name}.weight`, [width], ones)
    this.bias = parameters.create(`${name}.bias`, [width], zeros)
    this.eps = eps
  }

  /** What a sub-layer takes. */
  get values(): Surroundings['norm'] {
    return { weight: this.weight.value as Tensor1D, bias: this.bias.value as Tensor1D, eps: this.eps }
  }

  apply<T extends Tensor>(x: T): T {
    return layerNorm(x, this.weight.value as Tensor1D, this.bias.value as Tensor1D, this.eps)
  }
}
