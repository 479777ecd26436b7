import { add, concat, div, expandDims, mean, mul, reshape, slice, sum, type Tensor, type Tensor2D, type Tensor3D, tanh } from '@tensorflow/tfjs-core'
import type { FusedStreams, Fusion, Pooled, Pooling } from '@unidiag/core/contracts/encoders'
import { additiveMask } from '@unidiag/core/nn/attention'
import type { Forward } from '@unidiag/core/nn/forward'
import { Linear } from '@unidiag/core/nn/linear'
import { normal, type Parameter, type Parameters } from '@unidiag/core/nn/parameter'
import { PostNormBlock } from '@unidiag/core/nn/post-norm-block'

export interface CoAttentionOptions {
  readonly width: number
  readonly layers: number
  readonly heads: number
  readonly ffn: number
  readonly dropout: number
  readonly eps: number
  readonly initStd: number
  readonly imageWidth: number
  readonly textWidth: number
}

/** Co-attention; parameters `multi_modal_*` and `modality_type_embeddings` (the reference's names). */
export class CoAttentionFusion implements Fusion {
  readonly width: number
  readonly depth: number
  readonly #textProjection: Linear
  readonly #imageProjection: Linear
  /** Row 0 is added to text, row 1 to image tokens. */
  readonly #types: Parameter
  readonly #textLayers: readonly PostNormBlock[]
  readonly #imageLayers: readonly PostNormBlock[]
  readonly #textPooler: Linear
  readonly #imagePooler: Linear

  constructor(parameters: Parameters, { width, layers, heads, ffn, dropout, eps, initStd, imageWidth, textWidth }: CoAttentionOptions) {
    this.width = width
    this.depth = layers
    const init = normal(initStd)
    const stack = (name: string) =>
      Array.from({ length: layers }, (_, i) => new PostNormBlock(parameters, `${name}.${i}`, { width, heads, ffn, eps, dropout, cross: { width }, init }))
    this.#textProjection = new Linear(parameters, 'multi_modal_language_proj', textWidth, width, { init })
    this.#imageProjection = new Linear(parameters, 'multi_modal_vision_proj', imageWidth, width, { init })
    this.#types = parameters.create('modality_type_embeddings.weight', [2, width], init)
    this.#imageLayers = stack('multi_modal_vision_layers')
    this.#textLayers = stack('multi_modal_language_layers')
    this.#imagePooler = new Linear(parameters, 'multi_modal_vision_pooler.dense', width, width, { init })
    this.#textPooler = new Linear(parameters, 'multi_modal_language_pooler.dense', width, width, { init })
  }

  fuse(text: Tensor3D, image: Tensor3D, mask: Tensor2D, forward: Forward): FusedStreams {
    let x = forward.tap('fusion_in_text', this.#typed(0, forward.tap('multi_modal_language_proj', this.#textProjection.apply(text))))
    let y = forward.tap('fusion_in_image', this.#typed(1, forward.tap('multi_modal_vision_proj', this.#imageProjection.apply(image))))
    const textMask = additiveMask(mask)
    const imageInputs: Tensor3D[] = []
    for (let i = 0; i < this.depth; i++) {
      imageInputs.push(y)
      // Parallel update: both streams read what layer i was given, so neither sees the other's new tokens.
      const next = this.#textLayers[i].apply(x, textMask, forward, { context: y }, attentionNames(i, 'text2image'))
      y = this.#imageLayers[i].apply(y, undefined, forward, { context: x, mask: textMask }, attentionNames(i, 'image2text'))
      x = next
    }
    return { text: x, image: y, imageInputs }
  }

  pool({ text, image }: FusedStreams, mask: Tensor2D, pooling: Pooling, forward: Forward): Pooled {
    const textInput = pooling === 'mean-non-pad' ? meanOver(text, mask) : poolAll(text, pooling)
    const imageInput = poolAll(image, pooling)
    const pooled = {
      text: forward.tap('multi_modal_language_pooler', tanh(this.#textPooler.apply(textInput))),
      image: forward.tap('multi_modal_vision_pooler', tanh(this.#imagePooler.apply(imageInput))),
    }
    if (forward.tapped) forward.tap('multi_modal_cls_feats', concat([pooled.text, pooled.image], 1))
    return pooled
  }

  #typed(row: 0 | 1, tokens: Tensor3D): Tensor3D {
    return add(tokens, slice(this.#types.value, [row, 0], [1, this.width]))
  }
}

const attentionNames = (layer: number, stream: string) => ({ self: `attn_layer${layer}.${stream}.self`, cross: `attn_layer${layer}.${stream}.cross` })

/** Image tokens are never padding, so that both means are the same for them. */
function poolAll(tokens: Tensor3D, pooling: Pooling): Tensor2D {
  const [batch, , width] = tokens.shape
  return pooling === 'first' ? reshape(slice(tokens, [0, 0, 0], [batch, 1, width]), [batch, width]) : mean(tokens, 1)
}

function meanOver(tokens: Tensor3D, mask: Tensor2D): Tensor2D {
  const total: Tensor = sum(mul(tokens, expandDims(mask, 2)), 1)
  return div(total, sum(mask, 1, true))
}
