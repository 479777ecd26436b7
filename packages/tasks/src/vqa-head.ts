import { add, concat, div, matMul, slice, type Tensor1D, type Tensor2D, tidy } from '@tensorflow/tfjs-core'
import type { Pooled } from '@unidiag/core/contracts/encoders'
import { LayerNorm } from '@unidiag/core/nn/layer-norm'
import { Linear } from '@unidiag/core/nn/linear'
import type { Parameters } from '@unidiag/core/nn/parameter'
import { gelu } from '@unidiag/core/ops/gelu'

/** Linear 2d -> 2d, LayerNorm, GELU, Linear 2d -> V over `[text, image]` (spec 5.1; parity README 14). */
export class VqaHead {
  readonly #first: Linear
  readonly #norm: LayerNorm
  readonly #last: Linear

  /** @param width d, width of one pooled stream */
  constructor(parameters: Parameters, width: number, outputs: number) {
    this.#first = new Linear(parameters, 'vqa_head.0', 2 * width, 2 * width)
    this.#norm = new LayerNorm(parameters, 'vqa_head.1', 2 * width, 1e-5)
    this.#last = new Linear(parameters, 'vqa_head.3', 2 * width, outputs)
  }

  /** @returns `[B, V]` */
  logits({ text, image }: Pooled): Tensor2D {
    return tidy(() => this.#fromHidden(this.#first.apply(concat([text, image], 1))))
  }

  /**
   * What each half of the input says on its own (Eq. 10). `exact-split` is exact for the first layer: the two halves of its output add up to
   * the whole. `code` multiplies pooled features with the columns of the last layer, which belong to hidden units, as the release does (spec 4.4).
   */
  unimodal({ text, image }: Pooled, mode: 'exact-split' | 'code'): { text: Tensor2D; image: Tensor2D } {
    const half = (feature: Tensor2D, from: number) =>
      tidy(() => (mode === 'code' ? partial(this.#last, feature, from) : this.#fromHidden(partial(this.#first, feature, from))))
    return { text: half(text, 0), image: half(image, text.shape[1]) }
  }

  #fromHidden(hidden: Tensor2D): Tensor2D {
    return this.#last.apply(gelu(this.#norm.apply(hidden)))
  }
}

/** What a layer makes of the part of its input that begins at row `from`, with half of its bias. */
function partial(layer: Linear, feature: Tensor2D, from: number): Tensor2D {
  const rows = slice(layer.weight.value as Tensor2D, [from, 0], [feature.shape[1], -1])
  return add(matMul(feature, rows), div(layer.bias!.value as Tensor1D, 2))
}
