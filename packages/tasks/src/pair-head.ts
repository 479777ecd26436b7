import { concat, type Tensor2D, tidy } from '@tensorflow/tfjs-core'
import type { Pooled } from '@unidiag/core/contracts/encoders'
import { LayerNorm } from '@unidiag/core/nn/layer-norm'
import { Linear } from '@unidiag/core/nn/linear'
import type { Parameters } from '@unidiag/core/nn/parameter'
import { gelu } from '@unidiag/core/ops/gelu'
import { applyHalf } from './apply-half.js'

/** Linear 2d -> 2d, LayerNorm, GELU, Linear 2d -> V over `[text, image]`: the head of VQA and of classification (reference: m3ae_module.py). */
export class PairHead {
  readonly #first: Linear
  readonly #norm: LayerNorm
  readonly #last: Linear

  /** @param name `vqa_head` or `cls_head` @param width d, width of one pooled stream */
  constructor(parameters: Parameters, name: string, width: number, outputs: number) {
    this.#first = new Linear(parameters, `${name}.0`, 2 * width, 2 * width)
    this.#norm = new LayerNorm(parameters, `${name}.1`, 2 * width, 1e-5)
    this.#last = new Linear(parameters, `${name}.3`, 2 * width, outputs)
  }

  /** @returns `[B, V]` */
  logits({ text, image }: Pooled): Tensor2D {
    return tidy(() => this.#fromHidden(this.#first.apply(concat([text, image], 1))))
  }

  /**
   * What each half of the input says on its own (Eq. 10). `exact-split` is exact for the first layer: the two halves of its output add up to
   * the whole. `code` multiplies pooled features with the columns of the last layer, which belong to hidden units, as the release does (reference: gmcoord/objectives.py).
   */
  unimodal({ text, image }: Pooled, mode: 'exact-split' | 'code'): { text: Tensor2D; image: Tensor2D } {
    const half = (feature: Tensor2D, from: number) =>
      tidy(() => (mode === 'code' ? applyHalf(this.#last, feature, from) : this.#fromHidden(applyHalf(this.#first, feature, from))))
    return { text: half(text, 0), image: half(image, text.shape[1]) }
  }

  #fromHidden(hidden: Tensor2D): Tensor2D {
    return this.#last.apply(gelu(this.#norm.apply(hidden)))
  }
}
