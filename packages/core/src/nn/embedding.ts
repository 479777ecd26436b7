import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core'
import { embedding } from '../ops/embedding.js'
import { type Init, normal, type Parameter, type Parameters } from './parameter.js'

/** Table of `count` vectors. Parameter `name.weight`, `[count, width]`. */
export class Embedding {
  readonly weight: Parameter
  readonly #padIndex: number | undefined

  /** @param o.padIndex row that gets no gradient */
  constructor(parameters: Parameters, name: string, count: number, width: number, o: { init?: Init; padIndex?: number } = {}) {
    this.weight = parameters.create(`${name}.weight`, [count, width], o.init ?? normal(0.02))
    this.#padIndex = o.padIndex
  }

  /** @param ids int32 of any shape @returns `[...ids.shape, width]` */
  lookup<T extends Tensor = Tensor>(ids: Tensor): T {
    return embedding(this.weight.value as Tensor2D, ids, this.#padIndex) as T
  }
}
