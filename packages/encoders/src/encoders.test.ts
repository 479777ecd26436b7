import { type Tensor2D, type Tensor4D, tensor, tidy, zeros } from '@tensorflow/tfjs-core'
import { compose } from '@unidiag/core/compose'
import { Dataset } from '@unidiag/core/contracts/dataset'
import { Fusion, ImageEncoder, TextEncoder } from '@unidiag/core/contracts/encoders'
import { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { VisionLanguageModel } from '@unidiag/core/model'
import { inference } from '@unidiag/core/nn/forward'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import { definePlugin } from '@unidiag/core/plugin'
import { useBackend } from '@unidiag/testing/backends'
import { tinyDataset } from '@unidiag/testing/tiny-data'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { clipVit } from './clip-vit.js'
import { coAttention } from './co-attention.js'
import { roberta } from './roberta.js'
import { trainedBpe } from './trained-bpe.js'

useBackend()
const data = definePlugin({ name: 'test/data', provides: Dataset, options: z.strictObject({}), setup: () => tinyDataset() })

describe('the encoders in a pipeline', () => {
  it('find each other, whatever order they are named in', async () => {
    const pipeline = await compose({
      plugins: [
        coAttention({ width: 12, layers: 1, heads: 3 }),
        roberta({ width: 8, layers: 1, heads: 2, ffn: 16, maxLength: 30 }),
        trainedBpe({ vocabSize: 300 }),
        data(),
        clipVit({ imageSize: 8, patchSize: 4, width: 16, heads: 2, blocks: 1 }),
      ],
    })
    try {
      const tokenizer = pipeline.get(Tokenizer)
      const model = new VisionLanguageModel({ image: pipeline.get(ImageEncoder), text: pipeline.get(TextEncoder), fusion: pipeline.get(Fusion) })
      expect(model.text.vocabSize).toBe(tokenizer.vocabSize)
      tidy(() => {
        const ids = tokenizer.encode('a question')
        const mask = tensor(
          ids.map(() => 1),
          [1, ids.length],
        ) as Tensor2D
        const streams = model.encode({ image: zeros([1, 8, 8, 3]) as Tensor4D, ids: tensor(ids, [1, ids.length], 'int32') as Tensor2D, mask }, inference())
        expect([streams.text.shape, streams.image.shape]).toEqual([
          [1, ids.length, 12],
          [1, 5, 12],
        ])
      })
      expect(pipeline.get(ParameterStore).has('multi_modal_vision_layers.0.crossattention.self.query.weight')).toBe(true)
    } finally {
      await pipeline.close()
    }
  })

  it('refuse what does not fit when they are composed', async () => {
    await expect(compose({ plugins: [clipVit({ imageSize: 314 })] })).rejects.toMatchObject({
      code: 'IMAGE_SIZE',
      message: expect.stringContaining('304 or 320'),
    })
    const small = [clipVit({ imageSize: 8, patchSize: 4, width: 16, heads: 2, blocks: 1 }), roberta({ width: 8, layers: 1, heads: 2, ffn: 16, vocabSize: 9 })]
    await expect(compose({ plugins: [...small, coAttention({ width: 12, layers: 1, heads: 3, imageWidth: 32 })] })).rejects.toMatchObject({
      code: 'TENSOR_SHAPE',
      message: expect.stringMatching(/co-attention.*32.*clip-vit.*16/),
    })
  })
})
