import { add, concat, fill, scalar, type Tensor2D, type Tensor3D, type Tensor4D } from '@tensorflow/tfjs-core'
import type { ImageEncoder } from '@unidiag/core/contracts/encoders'
import { UniDiagError } from '@unidiag/core/errors'
import type { Forward } from '@unidiag/core/nn/forward'
import { LayerNorm } from '@unidiag/core/nn/layer-norm'
import { normal, type Parameter, type Parameters, uniform } from '@unidiag/core/nn/parameter'
import { PreNormBlock } from '@unidiag/core/nn/pre-norm-block'
import { gatherRows } from '@unidiag/core/ops/gather-rows'
import { linear } from '@unidiag/core/ops/linear'
import { patchify } from '@unidiag/core/ops/patchify'
import { concatTokens, repeatToken } from '@unidiag/core/ops/tokens'
import { resizePositions } from './resize-positions.js'

const at = 'vision_encoder.visual'
const eps = 1e-5

export interface VisionTransformerOptions {
  readonly name: string
  readonly imageSize: number
  readonly patchSize: number
  readonly width: number
  readonly heads: number
  readonly blocks: number
  readonly mlpRatio: number
}

/** CLIP's image tower up to its tokens; parameters `vision_encoder.visual.*` (the reference's names). */
export class VisionTransformer implements ImageEncoder {
  readonly name: string
  readonly width: number
  readonly imageSize: number
  readonly patchSize: number
  readonly #patchWeight: Parameter
  readonly #classToken: Parameter
  readonly #positions: Parameter
  readonly #normBefore: LayerNorm
  readonly #blocks: readonly PreNormBlock[]
  readonly #normAfter: LayerNorm

  constructor(parameters: Parameters, { name, imageSize, patchSize, width, heads, blocks, mlpRatio }: VisionTransformerOptions) {
    this.name = name
    this.width = width
    this.imageSize = imageSize
    this.patchSize = patchSize
    const side = imageSize / patchSize
    const patchValues = patchSize * patchSize * 3
    const std = width ** -0.5
    this.#classToken = parameters.create(`${at}.class_embedding`, [width], normal(std))
    this.#positions = parameters.create(`${at}.positional_embedding`, [1 + side * side, width], normal(std), {
      adapt: (stored) => resizePositions(stored, side),
    })
    this.#patchWeight = parameters.create(`${at}.conv1.weight`, [patchValues, width], uniform(patchValues ** -0.5), { layout: 'patch' })
    this.#normBefore = new LayerNorm(parameters, `${at}.ln_pre`, width, eps)
    const init = { init: normal((2 * width) ** -0.5), inProjInit: normal(std) }
    this.#blocks = Array.from(
      { length: blocks },
      (_, i) => new PreNormBlock(parameters, `${at}.transformer.resblocks.${i}`, width, heads, { mlpRatio, ...init }),
    )
    this.#normAfter = new LayerNorm(parameters, `${at}.ln_post`, width, eps)
  }

  encode(image: Tensor4D, forward: Forward, keep?: Tensor2D): Tensor3D {
    const visible = forward.tap('visible_tokens_before_ln_pre', this.#visible(this.#embed(image, forward), keep))
    let x = forward.tap(`${at}.ln_pre`, this.#normBefore.apply(visible))
    for (const block of this.#blocks) x = block.apply(x, forward)
    return forward.tap(`${at}.ln_post`, this.#normAfter.apply(x))
  }

  /** Class token and all patches with their positions, `[B, 1 + N, d]`. */
  #embed(image: Tensor4D, forward: Forward): Tensor3D {
    const [batch, height, width] = image.shape
    if (height !== this.imageSize || width !== this.imageSize)
      throw new UniDiagError('TENSOR_SHAPE', `${this.name} expects images of ${this.imageSize} x ${this.imageSize} pixels, and got ${height} x ${width}`)
    // A convolution whose stride is its size is one matrix product over flattened patches; wasm lacks the gradient of the convolution.
    const embedded = forward.tap('patch_embed_conv1', linear(patchify(image, this.patchSize), this.#patchWeight.value as Tensor2D))
    return add(concatTokens(repeatToken(this.#classToken.value, batch), embedded), this.#positions.value)
  }

  /** The class token and the kept patches in their order; everything when nothing is hidden. */
  #visible(tokens: Tensor3D, keep: Tensor2D | undefined): Tensor3D {
    if (!keep) return tokens
    const classIndex = fill([keep.shape[0], 1], 0, 'int32') as Tensor2D
    return gatherRows(tokens, concat([classIndex, add(keep, scalar(1, 'int32'))], 1))
  }
}
