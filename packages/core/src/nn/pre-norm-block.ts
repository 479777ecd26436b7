import type { Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core'
import { attentionSublayer } from '../ops/attention-sublayer.js'
import { feedForward } from '../ops/feed-forward.js'
import type { Forward } from './forward.js'
import { LayerNorm } from './layer-norm.js'
import { Linear } from './linear.js'
import { type Init, normal, type Parameter, type Parameters, uniform, zeros } from './parameter.js'

export interface PreNormBlockOptions {
  /** Width of the hidden layer, as a multiple of the block's width. */
  readonly mlpRatio?: number
  /** Of the linear layers; N(0, 0.02^2) when left out. */
  readonly init?: Init
  /** Of the stacked query, key and value projections; Xavier-uniform over `[3 d, d]` when left out. */
  readonly inProjInit?: Init
}

/**
 * Residual attention block of CLIP: x += attention(ln_1(x)); x += c_proj(quickGelu(c_fc(ln_2(x)))). No mask, no dropout.
 * Parameter names are CLIP's (`attn.in_proj_weight`, `ln_1`, `mlp.c_fc` ...).
 */
export class PreNormBlock {
  readonly #heads: number
  readonly #name: string
  readonly #inWeight: Parameter
  readonly #inBias: Parameter
  readonly #out: Linear
  readonly #norm1: LayerNorm
  readonly #norm2: LayerNorm
  readonly #expand: Linear
  readonly #contract: Linear

  constructor(parameters: Parameters, name: string, width: number, heads: number, o: PreNormBlockOptions = {}) {
    const init = o.init ?? normal(0.02)
    const hidden = width * (o.mlpRatio ?? 4)
    this.#heads = heads
    this.#name = name
    this.#inWeight = parameters.create(`${name}.attn.in_proj_weight`, [width, 3 * width], o.inProjInit ?? uniform(Math.sqrt(6 / (4 * width))), {
      layout: 'linear',
    })
    this.#inBias = parameters.create(`${name}.attn.in_proj_bias`, [3 * width], zeros)
    this.#out = new Linear(parameters, `${name}.attn.out_proj`, width, width, { init })
    this.#norm1 = new LayerNorm(parameters, `${name}.ln_1`, width, 1e-5)
    this.#expand = new Linear(parameters, `${name}.mlp.c_fc`, width, hidden, { init })
    this.#contract = new Linear(parameters, `${name}.mlp.c_proj`, hidden, width, { init })
    this.#norm2 = new LayerNorm(parameters, `${name}.ln_2`, width, 1e-5)
  }

  /** @param x `[B, T, d]` */
  apply(x: Tensor3D, forward: Forward): Tensor3D {
    const attended = attentionSublayer(x, {
      place: 'before',
      norm: this.#norm1.values,
      projections: { joined: { weight: this.#inWeight.value as Tensor2D, bias: this.#inBias.value as Tensor1D } },
      output: this.#out.values,
      heads: this.#heads,
    })
    const y = feedForward(attended, {
      place: 'before',
      norm: this.#norm2.values,
      expand: this.#expand.values,
      contract: this.#contract.values,
      activation: 'quickGelu',
    })
    return forward.tap(this.#name, y)
  }
}
