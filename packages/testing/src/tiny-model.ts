import { add, concat, div, expandDims, fill, mean, mul, reshape, scalar, sum, type Tensor2D, type Tensor3D, type Tensor4D, tanh } from '@tensorflow/tfjs-core'
import type { FusedStreams, Fusion, ImageEncoder, Pooled, Pooling, TextEncoder } from '@unidiag/core/contracts/encoders'
import { UniDiagError } from '@unidiag/core/errors'
import { VisionLanguageModel } from '@unidiag/core/model'
import { additiveMask } from '@unidiag/core/nn/attention'
import { Embedding } from '@unidiag/core/nn/embedding'
import type { Forward } from '@unidiag/core/nn/forward'
import { Linear } from '@unidiag/core/nn/linear'
import { normal, type Parameter, Parameters } from '@unidiag/core/nn/parameter'
import { PostNormBlock } from '@unidiag/core/nn/post-norm-block'
import { gatherRows } from '@unidiag/core/ops/gather-rows'
import { patchify } from '@unidiag/core/ops/patchify'
import { concatTokens, repeatToken } from '@unidiag/core/ops/tokens'
import { Random } from '@unidiag/core/random'

/** A model of a few hundred parameters with the names and the shape of the real one, for tests of what stands on encoders. */
export interface TinyModel {
  readonly random: Random
  readonly parameters: Parameters
  readonly image: ImageEncoder
  readonly text: TextEncoder
  readonly fusion: Fusion
  readonly model: VisionLanguageModel
}

/** 8 x 8 pixel images of 16 patches, texts of 8 tokens from a vocabulary of 24, width 8, one layer of everything. Needs a started backend. */
export function tinyModel({ seed = 1, dropout = 0 }: { seed?: number; dropout?: number } = {}): TinyModel {
  const random = new Random(seed)
  const parameters = new Parameters(random)
  const parts = { image: new TinyImageEncoder(parameters), text: new TinyTextEncoder(parameters, dropout), fusion: new TinyFusion(parameters, dropout) }
  return { random, parameters, ...parts, model: new VisionLanguageModel(parts) }
}

const width = 8

export class TinyImageEncoder implements ImageEncoder {
  readonly width = width
  readonly imageSize = 8
  readonly patchSize = 2
  readonly #embed: Linear
  readonly #class: Parameter
  readonly #positions: Parameter

  constructor(parameters: Parameters) {
    this.#embed = new Linear(parameters, 'vision_encoder.embed', 12, width)
    this.#class = parameters.create('vision_encoder.class', [width], normal(0.5))
    this.#positions = parameters.create('vision_encoder.positions', [17, width], normal(0.5))
  }

  encode(image: Tensor4D, _: Forward, keep?: Tensor2D): Tensor3D {
    const patches = this.#embed.apply(patchify(image, this.patchSize))
    const tokens = add(concatTokens(repeatToken(this.#class.value, image.shape[0]), patches), this.#positions.value) as Tensor3D
    if (!keep) return tokens
    return gatherRows(tokens, concat([fill([image.shape[0], 1], 0, 'int32') as Tensor2D, add(keep, scalar(1, 'int32'))], 1))
  }
}

export class TinyTextEncoder implements TextEncoder {
  readonly width = width
  readonly maxLength = 8
  readonly vocabSize = 24
  readonly #words: Embedding
  readonly #layer: PostNormBlock

  constructor(parameters: Parameters, dropout: number) {
    this.#words = new Embedding(parameters, 'language_encoder.word_embeddings', this.vocabSize, width, { init: normal(0.5), padIndex: 1 })
    this.#layer = new PostNormBlock(parameters, 'language_encoder.layer.0', { width, heads: 2, ffn: 16, eps: 1e-5, dropout })
  }

  encode(ids: Tensor2D, mask: Tensor2D, forward: Forward): Tensor3D {
    if (ids.shape[1] > this.maxLength) throw new UniDiagError('TEXT_TOO_LONG', `the tiny text encoder reads ${this.maxLength} tokens, and got ${ids.shape[1]}`)
    return this.#layer.apply(this.#words.lookup<Tensor3D>(ids), additiveMask(mask), forward)
  }
}

export class TinyFusion implements Fusion {
  readonly width = width
  readonly depth = 1
  readonly #text: PostNormBlock
  readonly #image: PostNormBlock
  readonly #poolText: Linear
  readonly #poolImage: Linear

  constructor(parameters: Parameters, dropout: number) {
    const block = (side: string) =>
      new PostNormBlock(parameters, `multi_modal_${side}_layers.0`, { width, heads: 2, ffn: 16, eps: 1e-12, dropout, cross: { width } })
    this.#text = block('language')
    this.#image = block('vision')
    this.#poolText = new Linear(parameters, 'multi_modal_language_pooler.dense', width, width, { init: normal(0.5) })
    this.#poolImage = new Linear(parameters, 'multi_modal_vision_pooler.dense', width, width, { init: normal(0.5) })
  }

  fuse(text: Tensor3D, image: Tensor3D, mask: Tensor2D, forward: Forward): FusedStreams {
    const additive = additiveMask(mask)
    return {
      text: this.#text.apply(text, additive, forward, { context: image }),
      image: this.#image.apply(image, undefined, forward, { context: text, mask: additive }),
      imageInputs: [image],
    }
  }

  pool({ text, image }: FusedStreams, mask: Tensor2D, pooling: Pooling): Pooled {
    const first = (tokens: Tensor3D): Tensor2D => reshape(gatherRows(tokens, fill([tokens.shape[0], 1], 0, 'int32') as Tensor2D), [tokens.shape[0], width])
    const real = (): Tensor2D => div(sum(mul(text, expandDims(mask, 2)), 1), sum(mask, 1, true))
    const pooledText: Tensor2D = pooling === 'first' ? first(text) : pooling === 'mean' ? mean(text, 1) : real()
    return {
      text: tanh(this.#poolText.apply(pooledText)),
      image: tanh(this.#poolImage.apply(pooling === 'first' ? first(image) : (mean(image, 1) as Tensor2D))),
    }
  }
}
