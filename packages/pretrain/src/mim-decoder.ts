import { add, type Tensor2D, type Tensor3D } from '@tensorflow/tfjs-core'
import { Fusion, ImageEncoder } from '@unidiag/core/contracts/encoders'
import type { Forward } from '@unidiag/core/nn/forward'
import { LayerNorm } from '@unidiag/core/nn/layer-norm'
import { Linear } from '@unidiag/core/nn/linear'
import { fixed, normal, type Parameter, ParameterStore, type Parameters } from '@unidiag/core/nn/parameter'
import { PreNormBlock } from '@unidiag/core/nn/pre-norm-block'
import { gatherRows } from '@unidiag/core/ops/gather-rows'
import { concatTokens, repeatToken, sliceTokens } from '@unidiag/core/ops/tokens'
import { definePlugin } from '@unidiag/core/plugin'
import { token } from '@unidiag/core/token'
import { z } from 'zod'
import { sinCosPositions } from './sin-cos-positions.js'

/** The decoder of masked image modelling (reference: prediction_heads.py), shared by the objectives that reconstruct images. */
export interface MimDecoder {
  /** Width D of a token in the decoder. */
  readonly width: number
  /** `decoder_embed`: `[B, T, d]` -> `[B, T, D]` */
  embed(features: Tensor3D): Tensor3D
  /**
   * Puts mask tokens where patches were removed and restores raster order.
   * @param embedded `[B, 1 + K, D]`, class token first @param restore `[B, N]`
   * @returns `[B, 1 + N, D]`
   */
  unshuffle(embedded: Tensor3D, restore: Tensor2D): Tensor3D
  /** Embeds, restores, adds positions and runs the blocks: `[B, 1 + K, d]` -> `[B, 1 + N, D]`. Computed once for the same features. */
  decode(features: Tensor3D, restore: Tensor2D, forward: Forward): Tensor3D
  /** `decoder_pred`: decoded tokens -> pixels of every patch, `[B, N, p * p * 3]`. */
  predict(decoded: Tensor3D): Tensor3D
}

export const MimDecoder = token<MimDecoder>('MimDecoder')

const options = z
  .strictObject({
    /** Width, depth and heads of the reference decoder; its MLPs are four times as wide. */
    width: z.int().multipleOf(4).positive().default(384),
    layers: z.int().min(0).default(4),
    heads: z.int().positive().default(6),
    mlpRatio: z.int().positive().default(4),
  })
  .refine(({ width, heads }) => width % heads === 0, { path: ['heads'], message: 'has to divide `width`' })

/** Parameters `mim_head.*`. */
export const mimDecoder = definePlugin({
  name: '@unidiag/pretrain/mim-decoder',
  provides: MimDecoder,
  needs: { parameters: ParameterStore, image: ImageEncoder, fusion: Fusion },
  options,
  setup: ({ needs: { parameters, image, fusion }, options }): MimDecoder =>
    new Decoder(parameters, { ...options, inWidth: fusion.width, grid: image.imageSize / image.patchSize, patchSize: image.patchSize }),
})

interface DecoderSizes extends z.output<typeof options> {
  readonly inWidth: number
  readonly grid: number
  readonly patchSize: number
}

class Decoder implements MimDecoder {
  readonly width: number
  readonly #embed: Linear
  readonly #maskToken: Parameter
  readonly #positions: Parameter
  readonly #blocks: readonly PreNormBlock[]
  readonly #norm: LayerNorm
  readonly #predict: Linear
  /** MIM and FeaMIM may decode the same features in one step. */
  readonly #decoded = new WeakMap<Tensor3D, Tensor3D>()

  constructor(parameters: Parameters, { inWidth, width, layers, heads, mlpRatio, grid, patchSize }: DecoderSizes) {
    this.width = width
    this.#maskToken = parameters.create('mim_head.mask_token', [1, 1, width], normal(0.02))
    const table = sinCosPositions(grid, width)
    const shape = [1, 1 + grid * grid, width]
    // A table of another image size is regenerated, not loaded: it has no learned values.
    this.#positions = parameters.create('mim_head.decoder_pos_embed', shape, fixed(table), { trainable: false, adapt: () => ({ shape, data: table }) })
    this.#embed = new Linear(parameters, 'mim_head.decoder_embed', inWidth, width)
    this.#blocks = Array.from({ length: layers }, (_, i) => new PreNormBlock(parameters, `mim_head.decoder.resblocks.${i}`, width, heads, { mlpRatio }))
    this.#norm = new LayerNorm(parameters, 'mim_head.decoder_norm', width, 1e-5)
    this.#predict = new Linear(parameters, 'mim_head.decoder_pred', width, patchSize * patchSize * 3)
  }

  embed(features: Tensor3D): Tensor3D {
    return this.#embed.apply(features)
  }

  unshuffle(embedded: Tensor3D, restore: Tensor2D): Tensor3D {
    const hidden = restore.shape[1] - (embedded.shape[1] - 1)
    const shuffled = concatTokens(sliceTokens(embedded, 1), repeatToken(this.#maskToken.value, embedded.shape[0], hidden))
    return concatTokens(sliceTokens(embedded, 0, 1), gatherRows(shuffled, restore))
  }

  decode(features: Tensor3D, restore: Tensor2D, forward: Forward): Tensor3D {
    let decoded = this.#decoded.get(features)
    if (!decoded) {
      let x = forward.tap('mim_decoder_in', add(this.unshuffle(this.embed(features), restore), this.#positions.value) as Tensor3D)
      for (const block of this.#blocks) x = block.apply(x, forward)
      decoded = forward.tap('mim_head.decoder_norm', this.#norm.apply(x))
      this.#decoded.set(features, decoded)
    }
    return decoded
  }

  predict(decoded: Tensor3D): Tensor3D {
    return this.#predict.apply(sliceTokens(decoded, 1))
  }
}
