// What a user writes: a data set, an image loader, a loss and a stage of their own, on three installed packages.
import { add, mean, squaredDifference } from '@tensorflow/tfjs-core'
import { compose } from '@unidiag/core/compose'
import { Dataset } from '@unidiag/core/contracts/dataset'
import { Fusion, ImageEncoder, TextEncoder } from '@unidiag/core/contracts/encoders'
import { ImageLoader } from '@unidiag/core/contracts/image-loader'
import { Objective } from '@unidiag/core/contracts/objective'
import { Stage } from '@unidiag/core/contracts/stage'
import { Task } from '@unidiag/core/contracts/task'
import { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { VisionLanguageModel } from '@unidiag/core/model'
import { optimizerOptions } from '@unidiag/core/optim/options'
import { definePlugin } from '@unidiag/core/plugin'
import { all } from '@unidiag/core/token'
import { train } from '@unidiag/core/train'
import { clipVit } from '@unidiag/encoders/clip-vit'
import { coAttention } from '@unidiag/encoders/co-attention'
import { roberta } from '@unidiag/encoders/roberta'
import { trainedBpe } from '@unidiag/encoders/trained-bpe'
import { vqa } from '@unidiag/tasks/vqa'
import { z } from 'zod'

const none = z.strictObject({})
const view = { image: 'full', text: 'full' }

const shades = definePlugin({
  name: 'shades',
  provides: Dataset,
  options: none,
  setup: () => ({
    name: 'shades',
    synthetic: true,
    splits: ['train'],
    samples: () =>
      Array.from({ length: 16 }, (_, i) => ({
        id: `shade-${i}`,
        imageId: `shade-${i}`,
        image: { pixels: () => ({ data: new Uint8Array(16 * 16 * 3).fill(i % 2 ? 220 : 30), width: 16, height: 16, channels: 3 }) },
        text: 'is the image bright ?',
        answers: [i % 2 ? 'yes' : 'no'],
        answerType: 'closed',
      })),
  }),
})

const scaled = definePlugin({
  name: 'scaled',
  provides: ImageLoader,
  options: none,
  setup: () => ({ size: 16, load: async (image) => Float32Array.from(image.pixels().data, (x) => x / 127.5 - 1) }),
})

/** A loss nobody but this file knows: pooled text and image should agree. */
const agreement = definePlugin({
  name: 'agreement',
  provides: Objective,
  options: none,
  setup: () => ({
    name: 'agreement',
    loss(step) {
      const { text, image } = step.pooled(view, 'mean')
      return mean(squaredDifference(text, image))
    },
  }),
})

const tenSteps = definePlugin({
  name: 'ten-steps',
  provides: Stage,
  needs: {
    image: ImageEncoder,
    text: TextEncoder,
    fusion: Fusion,
    tokenizer: Tokenizer,
    images: ImageLoader,
    task: Task,
    data: Dataset,
    objectives: all(Objective),
  },
  options: none,
  setup: ({ needs: { image, text, fusion, tokenizer, images, task, data, objectives } }) => ({
    name: 'ten-steps',
    run: (context) =>
      train(context, {
        stage: 'ten-steps',
        model: new VisionLanguageModel({ image, text, fusion }),
        samples: data.samples('train'),
        loader: { tokenizer, images, parts: [task] },
        batchSize: 8,
        epochs: 5,
        steps: 10,
        optimizer: optimizerOptions.parse({ learningRate: 1e-3, warmup: 0 }),
        augment: false,
        ahead: 1,
        transforms: [],
        forward(step) {
          const answer = task.loss(task.logits(step.pooled(view, 'mean'), step), step)
          const own = objectives[0].loss(step)
          return { total: add(answer, own), parts: { vqa: answer, [objectives[0].name]: own } }
        },
      }),
  }),
})

const pipeline = await compose({
  plugins: [
    shades(),
    scaled(),
    trainedBpe({ vocabSize: 270 }),
    clipVit({ imageSize: 16, patchSize: 8, width: 32, heads: 2, blocks: 1 }),
    roberta({ width: 32, heads: 2, layers: 1, ffn: 64, maxPositions: 34, maxLength: 32 }),
    coAttention({ width: 32, heads: 2, layers: 1 }),
    vqa(),
    agreement(),
    tenSteps(),
  ],
})

const losses = []
await pipeline.run().forEach((event) => {
  if (event.type === 'step') losses.push(event.losses)
})
await pipeline.close()
console.log(JSON.stringify(losses))
