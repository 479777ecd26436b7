import type { Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core'
import { attentionProbabilities } from '../ops/attention.js'
import { attentionSublayer, projected } from '../ops/attention-sublayer.js'
import { keepMask } from '../ops/dropout.js'
import { feedForward } from '../ops/feed-forward.js'
import type { Forward } from './forward.js'
import { LayerNorm } from './layer-norm.js'
import { Linear } from './linear.js'
import { noGrad } from './no-grad.js'
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
  readonly #contract: Linear
  readonly #norm: LayerNorm
  readonly #dropout: number

  constructor(parameters: Parameters, name: string, o: PostNormBlockOptions) {
    const init = o.init ?? normal(0.02)
    this.#name = name
    this.#self = new AttentionPart(parameters, `${name}.attention`, o.width, o, init)
    this.#cross = o.cross && new AttentionPart(parameters, `${name}.crossattention`, o.cross.width, o, init)
    this.#expand = new Linear(parameters, `${name}.intermediate.dense`, o.width, o.ffn, { init })
    this.#contract = new Linear(parameters, `${name}.output.dense`, o.ffn, o.width, { init })
    this.#norm = new LayerNorm(parameters, `${name}.output.LayerNorm`, o.width, o.eps)
    this.#dropout = o.dropout
  }

  /**
   * @param x `[B, T, d]` @param mask of `additiveMask`, `[B, T]` @param cross what the cross-attention reads, `[B, Tc, dc]`
   * @param tapNames names under which the attention probabilities are shown to the pass
   */
  apply(
    x: Tensor3D,
    mask: Tensor2D | undefined,
    forward: Forward,
    cross?: { context: Tensor3D; mask?: Tensor2D | undefined },
    tapNames: { self?: string; cross?: string } = {},
  ): Tensor3D {
    let y = this.#self.apply(x, undefined, mask, forward, tapNames.self)
    if (this.#cross && cross) y = this.#cross.apply(y, cross.context, cross.mask, forward, tapNames.cross)
    const fed = feedForward(y, {
      place: 'after',
      norm: this.#norm.values,
      expand: this.#expand.values,
      contract: this.#contract.values,
      activation: 'gelu',
      keep: keepMask(y.shape, this.#dropout, forward),
    })
    return forward.tap(this.#name, fed)
  }
}

class AttentionPart {
  readonly #o: PostNormBlockOptions
  readonly #query: Linear
  readonly #key: Linear
  readonly #value: Linear
  readonly #output: Linear
  readonly #norm: LayerNorm

  constructor(parameters: Parameters, name: string, contextWidth: number, o: PostNormBlockOptions, init: Init) {
    this.#o = o
    this.#query = new Linear(parameters, `${name}.self.query`, o.width, o.width, { init })
    this.#key = new Linear(parameters, `${name}.self.key`, contextWidth, o.width, { init })
    this.#value = new Linear(parameters, `${name}.self.value`, contextWidth, o.width, { init })
    this.#output = new Linear(parameters, `${name}.output.dense`, o.width, o.width, { init })
    this.#norm = new LayerNorm(parameters, `${name}.output.LayerNorm`, o.width, o.eps)
  }

  /** @param tapName name under which the probabilities `[B, h, T, Tk]` are shown to the pass */
  apply(x: Tensor3D, context: Tensor3D | undefined, mask: Tensor2D | undefined, forward: Forward, tapName: string | undefined): Tensor3D {
    const { heads, dropout } = this.#o
    const [batch, queries] = x.shape
    const keys = (context ?? x).shape[1]
    const projections = { query: this.#query.values, key: this.#key.values, value: this.#value.values, context }
    if (tapName && forward.tapped) {
      const probabilities = noGrad(() => {
        const [q, k] = projected(x, projections)
        return attentionProbabilities(q, k, { heads, mask })
      })
      forward.tap(tapName, probabilities)
    }
    return attentionSublayer(x, {
      place: 'after',
      norm: this.#norm.values,
      projections,
      output: this.#output.values,
      heads,
      mask,
      keepProbabilities: keepMask([batch, heads, queries, keys], dropout, forward) as Tensor4D | undefined,
      keep: keepMask(x.shape, dropout, forward),
    })
  }
}
