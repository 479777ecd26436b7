import { div, expandDims, mean, mul, reshape, type Scalar, sum, type Tensor2D, type Tensor3D } from '@tensorflow/tfjs-core'
import { ImageEncoder, TextEncoder } from '@unidiag/core/contracts/encoders'
import { Objective } from '@unidiag/core/contracts/objective'
import type { BatchDraft } from '@unidiag/core/data/batch-draft'
import { Linear } from '@unidiag/core/nn/linear'
import { fixed, normal, ParameterStore } from '@unidiag/core/nn/parameter'
import { sliceTokens } from '@unidiag/core/ops/tokens'
import { definePlugin } from '@unidiag/core/plugin'
import { z } from 'zod'
import { atMost, contrastiveLoss, unit } from './contrastive.js'

const EXCLUDED = 'itc.excluded'

/**
 * Image-text contrast (CLIP, Radford et al., ICML 2021; FLIP, Li et al., CVPR 2023) of the encoders' own features, before fusion, which gets no gradient.
 * The other pairs of the micro-batch are the negatives: `optimizer.accumulate` does not add any. Objective `itc`, parameters `itc_head.*`.
 */
export const itc = definePlugin({
  name: '@unidiag/pretrain/itc',
  provides: Objective,
  needs: { parameters: ParameterStore, image: ImageEncoder, text: TextEncoder },
  options: z.strictObject({
    /** Which patches the image encoder sees: all (CLIP), or those that a masker leaves (FLIP). */
    image: z.enum(['full', 'masked']).default('full'),
    /** The image's vector: its class token (CLIP) or the mean of all tokens (FLIP). */
    imagePooling: z.enum(['first', 'mean']).default('first'),
    /** The text's vector: token 0, or the mean of the tokens that are not padding. */
    textPooling: z.enum(['first', 'mean-non-pad']).default('first'),
    /** Width of the space that both are projected to: 512 in CLIP-B, 768 in FLIP. */
    width: z.int().positive().default(512),
    /** What similarities are divided by, at the start, and whether it is learned. */
    temperature: z.number().positive().default(0.07),
    learnTemperature: z.boolean().default(true),
    /** Largest 1 / temperature. */
    maxScale: z.number().positive().default(100),
    /** Another text of the same image is no negative; the originals take it for one. */
    excludeSelf: z.boolean().default(true),
  }),
  setup({ needs: { parameters, image, text }, options }): Objective {
    const projection = (side: string, width: number): Linear =>
      new Linear(parameters, `itc_head.${side}`, width, options.width, { bias: false, init: normal(width ** -0.5) })
    const [projectImage, projectText] = [projection('image_proj', image.width), projection('text_proj', text.width)]
    const scale = parameters.create('itc_head.logit_scale', [], fixed(Float32Array.of(-Math.log(options.temperature))), {
      trainable: options.learnTemperature,
    })
    const imageVector = (tokens: Tensor3D): Tensor2D => projectImage.apply(options.imagePooling === 'first' ? first(tokens) : (mean(tokens, 1) as Tensor2D))
    const textVector = (tokens: Tensor3D, mask: Tensor2D): Tensor2D =>
      projectText.apply(options.textPooling === 'first' ? first(tokens) : meanOfReal(tokens, mask))
    return {
      name: 'itc',
      vectors: { image: (tokens) => unit(imageVector(tokens)), text: (tokens, mask) => unit(textVector(tokens, mask)) },
      ...(options.excludeSelf && { prepare: excludeSameImage }),
      loss(step) {
        const texts = step.textTokens({ text: 'full' })
        return contrastiveLoss({
          image: imageVector(step.imageTokens(options)),
          text: textVector(texts.tokens, texts.mask),
          logScale: atMost(scale.value as Scalar, Math.log(options.maxScale)),
          excluded: options.excludeSelf ? step.get<Tensor2D>(EXCLUDED) : undefined,
        })
      },
    }
  },
})

function excludeSameImage({ samples, arrays }: BatchDraft): void {
  const data = new Float32Array(samples.length ** 2)
  samples.forEach((one, i) => {
    samples.forEach((other, j) => {
      if (i !== j && one.imageId === other.imageId) data[i * samples.length + j] = 1
    })
  })
  arrays[EXCLUDED] = { data, shape: [samples.length, samples.length] }
}

const first = (tokens: Tensor3D): Tensor2D => reshape(sliceTokens(tokens, 0, 1), [tokens.shape[0], tokens.shape[2]])

const meanOfReal = (tokens: Tensor3D, mask: Tensor2D): Tensor2D => div(sum(mul(tokens, expandDims(mask, 2)), 1), sum(mask, 1, true))
