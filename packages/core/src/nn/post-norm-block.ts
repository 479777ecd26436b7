import type { Tensor, Tensor3D } from '@tensorflow/tfjs-core'
import { dropout } from '../ops/dropout.js'
import { gelu } from '../ops/gelu.js'
import { residual } from '../ops/residual.js'
import { attend } from './attention.js'
import type { Forward } from './forward.js'
import { LayerNorm } from './layer-norm.js'
import { Linear } from './linear.js'
import { type Init, normal, type Parameters } from './parameter.js'

export interface PostNormBlockOptions {
  readonly width: number
  readonly heads: number
  /** Width of the hidden layer. */
  readonly ffn: number
  readonly eps: number
  /** Of attention probabilities and of every sub-layer's output. */
  readonly dropout: number
  /** Adds a cross-attention to a context of this width. */
  readonly cross?: { readonly width: number }
  /** Of the linear layers; N(0, 0.02^2) when left out. */
  readonly init?: Init
}

/**
 * BERT layer, optionally with a cross-attention between self-attention and feed-forward part; each is followed by
 * dropout, the residual and layer normalisation. Parameter names are BERT's (`attention.self.query`, `crossattention.output.dense` ...).
 */
export class PostNormBlock {
  readonly #name: string
  readonly #self: AttentionPart
  readonly #cross: AttentionPart | undefined
  readonly #expand: Linear
  readonly #output: OutputPart

  constructor(parameters: Parameters, name: string, o: PostNormBlockOptions) {
    const init = o.init ?? normal(0.02)
    this.#name = name
    this.#self = new AttentionPart(parameters, `${name}.attention`, o.width, o, init)
    this.#cross = o.cross && new AttentionPart(parameters, `${name}.crossattention`, o.cross.width, o, init)
    this.#expand = new Linear(parameters, `${name}.intermediate.dense`, o.width, o.ffn, { init })
    this.#output = new OutputPart(parameters, `${name}.output`, o.ffn, o, init)
  }

  /**
   * @param x `[B, T, d]` @param mask additive, `[B, 1, 1, T]` @param cross what the cross-attention reads, `[B, Tc, dc]`
   * @param tapNames names under which the attention probabilities are shown to the pass
   */
  apply(
    x: Tensor3D,
    mask: Tensor | undefined,
    forward: Forward,
    cross?: { context: Tensor3D; mask?: Tensor | undefined },
    tapNames: { self?: string; cross?: string } = {},
  ): Tensor3D {
    let y = this.#self.apply(x, x, mask, forward, tapNames.self)
    if (this.#cross && cross) y = this.#cross.apply(y, cross.context, cross.mask, forward, tapNames.cross)
    return forward.tap(this.#name, this.#output.apply(gelu(this.#expand.apply(y)), y, forward))
  }
}

class AttentionPart {
  readonly #o: PostNormBlockOptions
  readonly #query: Linear
  readonly #key: Linear
  readonly #value: Linear
  readonly #output: OutputPart

  constructor(parameters: Parameters, name: string, contextWidth: number, o: PostNormBlockOptions, init: Init) {
    this.#o = o
    this.#query = new Linear(parameters, `${name}.self.query`, o.width, o.width, { init })
    this.#key = new Linear(parameters, `${name}.self.key`, contextWidth, o.width, { init })
    this.#value = new Linear(parameters, `${name}.self.value`, contextWidth, o.width, { init })
    this.#output = new OutputPart(parameters, `${name}.output`, o.width, o, init)
  }

  apply(x: Tensor3D, context: Tensor3D, mask: Tensor | undefined, forward: Forward, tapName: string | undefined): Tensor3D {
    const attended = attend(this.#query.apply(x), this.#key.apply(context), this.#value.apply(context), {
      heads: this.#o.heads,
      mask,
      dropout: this.#o.dropout,
      forward,
      tapName,
    })
    return this.#output.apply(attended, x, forward)
  }
}

/** Dense layer, dropout, residual, layer normalisation. */
class OutputPart {
  readonly #dense: Linear
  readonly #norm: LayerNorm
  readonly #dropout: number

  constructor(parameters: Parameters, name: string, inWidth: number, o: PostNormBlockOptions, init: Init) {
    this.#dense = new Linear(parameters, `${name}.dense`, inWidth, o.width, { init })
    this.#norm = new LayerNorm(parameters, `${name}.LayerNorm`, o.width, o.eps)
    this.#dropout = o.dropout
  }

  apply(x: Tensor3D, shortcut: Tensor3D, forward: Forward): Tensor3D {
    return this.#norm.apply(residual(shortcut, dropout(this.#dense.apply(x), this.#dropout, forward)))
  }
}
