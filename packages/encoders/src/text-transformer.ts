import { add, cast, cumsum, mul, notEqual, range, reshape, scalar, slice, type Tensor, type Tensor2D, type Tensor3D, tile } from '@tensorflow/tfjs-core'
import type { TextEncoder } from '@unidiag/core/contracts/encoders'
import { UniDiagError } from '@unidiag/core/errors'
import { additiveMask } from '@unidiag/core/nn/attention'
import { Embedding } from '@unidiag/core/nn/embedding'
import type { Forward } from '@unidiag/core/nn/forward'
import { LayerNorm } from '@unidiag/core/nn/layer-norm'
import { noGrad } from '@unidiag/core/nn/no-grad'
import { normal, type Parameter, type Parameters } from '@unidiag/core/nn/parameter'
import { PostNormBlock } from '@unidiag/core/nn/post-norm-block'
import { dropout } from '@unidiag/core/ops/dropout'

const at = 'language_encoder'

export interface TextTransformerOptions {
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
  /** Id of padding, whose word gets no gradient. */
  readonly pad: number
  /** `place`: the first token has position 0 (BERT). `after-pad`: it has `pad` + 1, and padding has `pad`, which gets no gradient (RoBERTa). */
  readonly positions: 'place' | 'after-pad'
  /** Rows of the token-type table; every token is of the first. */
  readonly tokenTypes: number
}

/** Embedding and post-norm layers of BERT and RoBERTa; parameters `language_encoder.*` (the reference's names). */
export class TextTransformer implements TextEncoder {
  readonly name: string
  readonly width: number
  readonly maxLength: number
  readonly vocabSize: number
  /** Most tokens that there are positions for. */
  readonly #mostTokens: number
  readonly #options: TextTransformerOptions
  readonly #words: Embedding
  readonly #positions: Embedding
  readonly #tokenType: Parameter
  readonly #norm: LayerNorm
  readonly #layers: readonly PostNormBlock[]

  constructor(parameters: Parameters, options: TextTransformerOptions) {
    const { width, heads, ffn, eps, dropout, pad, maxPositions } = options
    const init = normal(options.initStd)
    this.name = options.name
    this.width = width
    this.maxLength = options.maxLength
    this.vocabSize = options.vocabSize
    this.#options = options
    this.#mostTokens = maxPositions - firstPosition(options)
    this.#words = new Embedding(parameters, `${at}.embeddings.word_embeddings`, options.vocabSize, width, { init, padIndex: pad })
    this.#positions = new Embedding(parameters, `${at}.embeddings.position_embeddings`, maxPositions, width, {
      init,
      ...(options.positions === 'after-pad' && { padIndex: pad }),
    })
    this.#tokenType = parameters.create(`${at}.embeddings.token_type_embeddings.weight`, [options.tokenTypes, width], init)
    this.#norm = new LayerNorm(parameters, `${at}.embeddings.LayerNorm`, width, eps)
    this.#layers = Array.from(
      { length: options.layers },
      (_, i) => new PostNormBlock(parameters, `${at}.encoder.layer.${i}`, { width, heads, ffn, eps, dropout, init }),
    )
  }

  encode(ids: Tensor2D, mask: Tensor2D, forward: Forward): Tensor3D {
    const length = ids.shape[1]
    if (length > this.#mostTokens)
      throw new UniDiagError('TEXT_TOO_LONG', `${this.name} has positions for ${this.#mostTokens} tokens, and got a text of ${length}`)
    const words = add(this.#words.lookup(ids), this.#firstType())
    const summed: Tensor3D = add(words, this.#positions.lookup(noGrad(() => this.#positionIds(ids))))
    let x = forward.tap(`${at}.embeddings`, dropout(this.#norm.apply(summed), this.#options.dropout, forward))
    const keys = additiveMask(mask)
    for (const layer of this.#layers) x = layer.apply(x, keys, forward)
    return x
  }

  #firstType(): Tensor {
    const { value, shape } = this.#tokenType
    return shape[0] === 1 ? value : slice(value, [0, 0], [1, this.width])
  }

  /** `[B, L]`. RoBERTa counts the tokens that are not padding by their ids, as the reference does, not by the mask. */
  #positionIds(ids: Tensor2D): Tensor2D {
    const { pad, positions } = this.#options
    const [batch, length] = ids.shape
    if (positions === 'place') return tile(reshape(range(0, length, 1, 'int32'), [1, length]), [batch, 1]) as Tensor2D
    const real = cast(notEqual(ids, scalar(pad, 'int32')), 'int32')
    return add(mul(cumsum(real, 1), real), scalar(pad, 'int32'))
  }
}

/** Position of the first token of a text. */
const firstPosition = ({ positions, pad }: Pick<TextTransformerOptions, 'positions' | 'pad'>): number => (positions === 'place' ? 0 : pad + 1)
