import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core'
import type { FusedStreams, Fusion, ImageEncoder, TextEncoder } from './contracts/encoders.js'
import type { Forward } from './nn/forward.js'
import { repeatEach } from './ops/repeat-each.js'

/** Inputs of one pass. */
export interface PassInputs {
  /** `[B, H, W, 3]` */
  readonly image: Tensor4D
  /** `[B, L]` int32; a multiple `[B * T, L]` holds T texts against each image, those of the first image first. */
  readonly ids: Tensor2D
  /** Of the shape of `ids`; 1 = real token. */
  readonly mask: Tensor2D
  /** `[B, K]` int32 kept patches */
  readonly keep?: Tensor2D | undefined
}

/** The encoders E of the paper: image encoder, text encoder, fusion. */
export class VisionLanguageModel {
  readonly image: ImageEncoder
  readonly text: TextEncoder
  readonly fusion: Fusion

  constructor(parts: { image: ImageEncoder; text: TextEncoder; fusion: Fusion }) {
    this.image = parts.image
    this.text = parts.text
    this.fusion = parts.fusion
  }

  encode(inputs: PassInputs, forward: Forward): FusedStreams {
    const text = this.text.encode(inputs.ids, inputs.mask, forward)
    const image = this.image.encode(inputs.image, forward, inputs.keep)
    return this.fusion.fuse(text, repeatEach(image, inputs.ids.shape[0] / inputs.image.shape[0]), inputs.mask, forward)
  }
}
