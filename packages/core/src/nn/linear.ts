import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core'
import { linear } from '../ops/linear.js'
import type { Affine } from '../ops/sublayer.js'
import { type Init, normal, type Parameter, type Parameters, zeros } from './parameter.js'

/** Fully connected layer over the last axis. Parameters `name.weight` (`[in, out]` in memory) and `name.bias`. */
export class Linear {
  readonly weight: Parameter
  readonly bias: Parameter | undefined

  constructor(parameters: Parameters, name: string, inWidth: number, outWidth: number, o: { bias?: boolean; init?: Init; biasInit?: Init } = {}) {
    this.weight = parameters.create(`${name}.weight`, [inWidth, outWidth], o.init ?? normal(0.02), { layout: 'linear' })
    this.bias = (o.bias ?? true) ? parameters.create(`${name}.bias`, [outWidth], o.biasInit ?? zeros) : undefined
  }

  /** What a sub-layer takes; of a layer with a bias. */
  get values(): Affine {
    return { weight: this.weight.value as Tensor2D, bias: this.bias?.value as Tensor1D }
  }

  /** @param x `[..., in]` @returns `[..., out]` */
  apply<T extends Tensor>(x: T): T {
    return linear(x, this.weight.value as Tensor2D, this.bias?.value as Tensor1D | undefined)
  }
}
