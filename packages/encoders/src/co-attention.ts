import { Fusion, ImageEncoder, TextEncoder } from '@unidiag/core/contracts/encoders'
import { UniDiagError } from '@unidiag/core/errors'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import { definePlugin } from '@unidiag/core/plugin'
import { z } from 'zod'
import { CoAttentionFusion } from './co-attention-fusion.js'

const name = '@unidiag/encoders/co-attention'

/**
 * Two streams of layers that attend to each other (reference: m3ae_module.py, bert_model.py), with the projections before and the poolers after them.
 * @throws UniDiagError TENSOR_SHAPE when an encoder does not give the width that was asked for
 */
export const coAttention = definePlugin({
  name,
  provides: Fusion,
  needs: { parameters: ParameterStore, image: ImageEncoder, text: TextEncoder },
  options: z
    .strictObject({
      width: z.int().positive().default(768),
      /** Layers a stream. */
      layers: z.int().positive().default(6),
      heads: z.int().positive().default(12),
      /** Hidden width of the feed-forward part; 4 * `width` when left out. */
      ffn: z.int().positive().optional(),
      dropout: z.number().min(0).lt(1).default(0.1),
      /** Of the layer norms; the reference builds its fusion from library defaults, not from RoBERTa's. */
      eps: z.number().positive().default(1e-12),
      /** Standard deviation of new weights (reference: m3ae_utils.py). */
      initStd: z.number().positive().default(0.02),
      /** Token widths to insist on; those of the encoders when left out. */
      imageWidth: z.int().positive().optional(),
      textWidth: z.int().positive().optional(),
    })
    .refine(({ width, heads }) => width % heads === 0, { path: ['heads'], message: 'has to divide `width`' }),
  setup({ needs: { parameters, image, text }, options: { imageWidth, textWidth, ...options } }) {
    insist('imageWidth', imageWidth, image.width, image.name ?? 'the image encoder')
    insist('textWidth', textWidth, text.width, text.name ?? 'the text encoder')
    return new CoAttentionFusion(parameters, { ...options, ffn: options.ffn ?? 4 * options.width, imageWidth: image.width, textWidth: text.width })
  },
})

function insist(option: string, expected: number | undefined, actual: number, encoder: string): void {
  if (expected !== undefined && expected !== actual)
    throw new UniDiagError('TENSOR_SHAPE', `${name} expects tokens of width ${expected} (\`${option}\`), but ${encoder} gives tokens of width ${actual}`, {
      fix: `Set co-attention.${option} to ${actual} or leave it out, or set the encoder's \`width\` to ${expected}.`,
    })
}
