import { add, type Tensor2D } from '@tensorflow/tfjs-core'
import type { Forward } from '@unidiag/core/nn/forward'
import { LayerNorm } from '@unidiag/core/nn/layer-norm'
import { Linear } from '@unidiag/core/nn/linear'
import { type Parameter, type Parameters, zeros } from '@unidiag/core/nn/parameter'
import { gelu } from '@unidiag/core/ops/gelu'

/** Token features to vocabulary logits (reference: prediction_heads.py); not tied to the word embeddings. Parameters `mlm_head.*`. */
export class MlmHead {
  readonly #dense: Linear
  readonly #norm: LayerNorm
  readonly #decoder: Linear
  readonly #bias: Parameter

  constructor(parameters: Parameters, width: number, vocabSize: number) {
    this.#bias = parameters.create('mlm_head.bias', [vocabSize], zeros)
    this.#dense = new Linear(parameters, 'mlm_head.transform.dense', width, width)
    this.#norm = new LayerNorm(parameters, 'mlm_head.transform.LayerNorm', width, 1e-12)
    this.#decoder = new Linear(parameters, 'mlm_head.decoder', width, vocabSize, { bias: false })
  }

  /** @param tokens `[M, d]` @returns `[M, V]` */
  apply(tokens: Tensor2D, forward: Forward): Tensor2D {
    const transformed = forward.tap('mlm_head.transform', this.#norm.apply(gelu(this.#dense.apply(tokens))))
    return add(this.#decoder.apply(transformed), this.#bias.value)
  }
}
