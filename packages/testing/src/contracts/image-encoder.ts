import { randomNormal, range, reshape, type Tensor2D, type Tensor4D, tensor, tidy, tile } from '@tensorflow/tfjs-core'
import { ImageEncoder } from '@unidiag/core/contracts/encoders'
import { Forward, inference } from '@unidiag/core/nn/forward'
import type { Plugin } from '@unidiag/core/plugin'
import { Random } from '@unidiag/core/random'
import { describe, expect, it } from 'vitest'
import { useBackend } from '../backends.js'
import { expectClose } from '../operator.js'
import { expectFinite, expectGradientReaches, expectNoLeak, gradientsOf, ownParameters, weighted, withTiny } from './tiny-pipeline.js'

/**
 * What every image encoder has to do. Give it a small one.
 * @example describeImageEncoder('clipVit', () => clipVit({ imageSize: 16, patchSize: 4, width: 8, heads: 2, blocks: 1 }))
 */
export function describeImageEncoder(name: string, make: () => Plugin<ImageEncoder>): void {
  describe(`${name} as an image encoder`, () => {
    useBackend()
    const encoderOf = (use: (encoder: ImageEncoder) => void, seed?: number) =>
      withTiny([make()], (pipeline) => tidy(() => use(pipeline.get(ImageEncoder))), seed)
    const image = ({ imageSize }: ImageEncoder) => randomNormal([2, imageSize, imageSize, 3], 0, 1, 'float32', 3) as Tensor4D
    const patches = ({ imageSize, patchSize }: ImageEncoder) => (imageSize / patchSize) ** 2
    const training = () => new Forward({ training: true, rng: (call) => new Random(1).rng(call) })

    it('makes a class token and a token a patch', () =>
      encoderOf((encoder) => expectFinite(encoder.encode(image(encoder), inference()), [2, 1 + patches(encoder), encoder.width])))

    it('leaves out patches that are not kept', () =>
      encoderOf((encoder) => {
        const keep = tensor([0, 1, 1, 0], [2, 2], 'int32') as Tensor2D
        expectFinite(encoder.encode(image(encoder), inference(), keep), [2, 3, encoder.width])
      }))

    it('makes the same of all patches kept in raster order', () =>
      encoderOf((encoder) => {
        const keep = tile(reshape(range(0, patches(encoder), 1, 'int32'), [1, -1]), [2, 1]) as Tensor2D
        const x = image(encoder)
        expectClose(encoder.encode(x, inference(), keep).dataSync(), encoder.encode(x, inference()).dataSync(), 1e-5)
      }))

    it('has a gradient for every parameter, and leaves no tensor behind', () => {
      const plugin = make()
      return withTiny([plugin], async (pipeline) => {
        const encoder = pipeline.get(ImageEncoder)
        const own = await ownParameters(pipeline, [plugin])
        expectNoLeak(() => encoder.encode(image(encoder), inference()))
        expectNoLeak(() => expectGradientReaches(own, () => weighted(encoder.encode(image(encoder), training()))))
        expectNoLeak(() => gradientsOf(own, () => weighted(encoder.encode(image(encoder), training(), tensor([0, 1, 1, 0], [2, 2], 'int32')))))
      })
    })

    it('follows from the seed', async () => {
      const output = async (seed: number) => {
        let values: number[] = []
        await encoderOf((encoder) => {
          values = [...encoder.encode(image(encoder), inference()).dataSync()]
        }, seed)
        return values
      }
      expect(await output(1)).toEqual(await output(1))
      expect(await output(1)).not.toEqual(await output(2))
    })
  })
}
