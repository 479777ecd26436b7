/** Sizes of the model and batch of `unidiag bench step`, and the steps it takes until all is compiled and allocated; patches are 16 pixels wide, the fusion's feed-forward part four times the fusion's width. */
export const benchSizes = {
  tiny: {
    batch: 8,
    warmup: 30,
    imageSize: 64,
    vision: { width: 64, blocks: 2, heads: 4 },
    text: { vocabSize: 1000, maxLength: 32, width: 64, layers: 2, heads: 4, ffn: 128 },
    fusion: { width: 64, layers: 2, heads: 4 },
    decoder: { width: 48, layers: 2, heads: 4 },
  },
  small: {
    batch: 8,
    warmup: 3,
    imageSize: 224,
    vision: { width: 384, blocks: 6, heads: 6 },
    text: { vocabSize: 50265, maxLength: 64, width: 384, layers: 6, heads: 6, ffn: 1536 },
    fusion: { width: 384, layers: 3, heads: 6 },
    decoder: { width: 192, layers: 4, heads: 3 },
  },
  base: {
    batch: 2,
    warmup: 2,
    imageSize: 288,
    vision: { width: 768, blocks: 11, heads: 12 },
    text: { vocabSize: 50265, maxLength: 64, width: 768, layers: 12, heads: 12, ffn: 3072 },
    fusion: { width: 768, layers: 6, heads: 12 },
    decoder: { width: 384, layers: 4, heads: 6 },
  },
} as const

export type BenchSize = keyof typeof benchSizes
