import type { Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core'
import type { Forward } from '../nn/forward.js'
import { token } from '../token.js'

/** Image to tokens. */
export interface ImageEncoder {
  /** Package entry of the plugin, for error messages. */
  readonly name?: string
  /** Width d_I of a token. */
  readonly width: number
  /** Side of the square input image in pixels, and of a patch. */
  readonly imageSize: number
  readonly patchSize: number
  /**
   * @param image `[B, H, W, 3]`, normalised
   * @param keep `[B, K]` int32, patches to keep in this order (the others are absent, MAE style); all when left out
   * @returns `[B, 1 + N', d_I]`, class token first, N' = K or all N patches in raster order
   */
  encode(image: Tensor4D, forward: Forward, keep?: Tensor2D): Tensor3D
}

/** Token ids to tokens. */
export interface TextEncoder {
  /** Package entry of the plugin, for error messages. */
  readonly name?: string
  /** Width d_T of a token. */
  readonly width: number
  /** Longest text in tokens, specials included. */
  readonly maxLength: number
  readonly vocabSize: number
  /** @param ids `[B, L]` int32 @param mask `[B, L]` 1 = real token, 0 = padding @returns `[B, L, d_T]` */
  encode(ids: Tensor2D, mask: Tensor2D, forward: Forward): Tensor3D
}

/** How token streams are pooled: token 0, mean of all tokens, or mean of the tokens that are not padding. */
export type Pooling = 'first' | 'mean' | 'mean-non-pad'

export interface FusedStreams {
  /** `[B, L, d]` */
  readonly text: Tensor3D
  /** `[B, 1 + N', d]` */
  readonly image: Tensor3D
  /** Input of each fusion layer on the image side; index k is the output after k layers (`mimLayer`). */
  readonly imageInputs: readonly Tensor3D[]
}

export interface Fusion {
  /** Width d of both fused streams. */
  readonly width: number
  readonly depth: number
  /** @param text `[B, L, d_T]` @param image `[B, 1 + N', d_I]` @param mask `[B, L]` text padding mask */
  fuse(text: Tensor3D, image: Tensor3D, mask: Tensor2D, forward: Forward): FusedStreams
  /** tanh poolers. @returns text and image features `[B, d]` */
  pool(streams: FusedStreams, mask: Tensor2D, pooling: Pooling, forward: Forward): Pooled
}

export interface Pooled {
  /** `[B, d]` */
  readonly text: Tensor2D
  /** `[B, d]` */
  readonly image: Tensor2D
}

export const ImageEncoder = token<ImageEncoder>('ImageEncoder')
export const TextEncoder = token<TextEncoder>('TextEncoder')
export const Fusion = token<Fusion>('Fusion')
