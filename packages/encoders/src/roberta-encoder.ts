import { add, cast, cumsum, mul, notEqual, scalar, type Tensor2D, type Tensor3D } from '@tensorflow/tfjs-core'
import type { TextEncoder } from '@unidiag/core/contracts/encoders'
import { UniDiagError } from '@unidiag/core/errors'
import { additiveMask } from '@unidiag/core/nn/attention'
import { Embedding } from '@unidiag/core/nn/embedding'
import type { Forward } from '@unidiag/core/nn/forward'
import { LayerNorm } from '@unidiag/core/nn/layer-norm'
import { normal, type Parameter, type Parameters } from '@unidiag/core/nn/parameter'
import { PostNormBlock } from '@unidiag/core/nn/post-norm-block'
import { dropout } from '@unidiag/core/ops/dropout'

/** `<pad>` in every RoBERTa vocabulary; positions count from it. */
export const PAD = 1

const at = 'language_encoder'

export interface RobertaOptions {
  readonly name: string
  readonly vocabSize: number
  readonly width: number
  readonly layers: number
  readonly heads: number
  readonly ffn: number
  readonly maxPositions: number
  readonly maxLength: number
  readonly dropout: number
  readonly eps: number
  readonly initStd: number
}

/** RoBERTa's embedding and layers; parameters `language_encoder.*` (the reference's names). */
export class RobertaEncoder implements TextEncoder {
  readonly name: string
  readonly width: number
  readonly maxLength: number
  readonly vocabSize: number
  readonly #maxPositions: number
  readonly #words: Embedding
  readonly #positions: Embedding
  readonly #tokenType: Parameter
  readonly #norm: LayerNorm
  readonly #dropout: number
  readonly #layers: readonly PostNormBlock[]

  constructor(parameters: Parameters, options: RobertaOptions) {
    const { width, heads, ffn, eps, dropout } = options
    const init = normal(options.initStd)
    this.name = options.name
    this.width = width
    this.maxLength = options.maxLength
    this.vocabSize = options.vocabSize
    this.#maxPositions = options.maxPositions
    this.#words = new Embedding(parameters, `${at}.embeddings.word_embeddings`, options.vocabSize, width, { init, padIndex: PAD })
    this.#positions = new Embedding(parameters, `${at}.embeddings.position_embeddings`, options.maxPositions, width, { init, padIndex: PAD })
    this.#tokenType = parameters.create(`${at}.embeddings.token_type_embeddings.weight`, [1, width], init)
    this.#norm = new LayerNorm(parameters, `${at}.embeddings.LayerNorm`, width, eps)
    this.#dropout = dropout
    this.#layers = Array.from(
      { length: options.layers },
      (_, i) => new PostNormBlock(parameters, `${at}.encoder.layer.${i}`, { width, heads, ffn, eps, dropout, init }),
    )
  }

  encode(ids: Tensor2D, mask: Tensor2D, forward: Forward): Tensor3D {
    if (ids.shape[1] + PAD + 1 > this.#maxPositions)
      throw new UniDiagError('TEXT_TOO_LONG', `${this.name} has positions for ${this.#maxPositions - PAD - 1} tokens, and got a text of ${ids.shape[1]}`)
    const words = add(this.#words.lookup(ids), this.#tokenType.value)
    const summed: Tensor3D = add(words, this.#positions.lookup(positionIds(ids)))
    let x = forward.tap(`${at}.embeddings`, dropout(this.#norm.apply(summed), this.#dropout, forward))
    const keys = additiveMask(mask)
    for (const layer of this.#layers) x = layer.apply(x, keys, forward)
    return x
  }
}

/** 1 + the running count of tokens that are not padding; padding has position 1. Goes by the ids, as the reference does, not by the mask. */
function positionIds(ids: Tensor2D): Tensor2D {
  const real = cast(notEqual(ids, scalar(PAD, 'int32')), 'int32')
  return add(mul(cumsum(real, 1), real), scalar(PAD, 'int32'))
}
