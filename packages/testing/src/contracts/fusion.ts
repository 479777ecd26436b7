import { add, expandDims, mul, randomNormal, slice, sub, type Tensor2D, type Tensor3D, tensor, tidy } from '@tensorflow/tfjs-core'
import { Fusion, ImageEncoder, type Pooling, TextEncoder } from '@unidiag/core/contracts/encoders'
import { Forward, inference } from '@unidiag/core/nn/forward'
import type { Pipeline } from '@unidiag/core/pipeline'
import type { Plugin } from '@unidiag/core/plugin'
import { Random } from '@unidiag/core/random'
import { describe, expect, it } from 'vitest'
import { useBackend } from '../backends.js'
import { expectClose } from '../operator.js'
import { expectFinite, expectGradientReaches, expectNoLeak, ownParameters, weighted, withTiny } from './tiny-pipeline.js'

const poolings: readonly Pooling[] = ['first', 'mean', 'mean-non-pad']

/**
 * What every fusion has to do, on the tiny encoders' tokens (width 8).
 * @example describeFusion('coAttention', () => coAttention({ width: 8, layers: 1, heads: 2 }))
 */
export function describeFusion(name: string, make: () => Plugin<Fusion>): void {
  describe(`${name} as a fusion`, () => {
    useBackend()
    const training = () => new Forward({ training: true, rng: (call) => new Random(1).rng(call) })
    const inputs = (pipeline: Pipeline) => ({
      text: randomNormal([2, 5, pipeline.get(TextEncoder).width], 0, 1, 'float32', 3) as Tensor3D,
      image: randomNormal([2, 4, pipeline.get(ImageEncoder).width], 0, 1, 'float32', 4) as Tensor3D,
      // The last two places of the first text are padding.
      mask: tensor([1, 1, 1, 0, 0, 1, 1, 1, 1, 1], [2, 5]) as Tensor2D,
    })

    it('makes as many tokens as it got, and shows what each layer read', () =>
      withTiny([make()], (pipeline) =>
        tidy(() => {
          const fusion = pipeline.get(Fusion)
          const { text, image, mask } = inputs(pipeline)
          const streams = fusion.fuse(text, image, mask, inference())
          expectFinite(streams.text, [2, 5, fusion.width])
          expectFinite(streams.image, [2, 4, fusion.width])
          expect(streams.imageInputs).toHaveLength(fusion.depth)
          for (const input of streams.imageInputs) expectFinite(input, [2, 4, fusion.width])
        }),
      ))

    it.each(poolings)('pools by %s, between -1 and 1', (pooling) =>
      withTiny([make()], (pipeline) =>
        tidy(() => {
          const fusion = pipeline.get(Fusion)
          const { text, image, mask } = inputs(pipeline)
          const pooled = fusion.pool(fusion.fuse(text, image, mask, inference()), mask, pooling, inference())
          for (const side of [pooled.text, pooled.image]) {
            expectFinite(side, [2, fusion.width])
            expect(Math.max(...side.dataSync().map(Math.abs))).toBeLessThanOrEqual(1)
          }
        }),
      ),
    )

    it('reads no padding', () =>
      withTiny([make()], (pipeline) =>
        tidy(() => {
          const fusion = pipeline.get(Fusion)
          const { text, image, mask } = inputs(pipeline)
          const other = add(mul(text, expandDims(mask, 2)), mul(randomNormal(text.shape), expandDims(sub(1, mask), 2))) as Tensor3D
          const [one, two] = [text, other].map((tokens) => fusion.fuse(tokens, image, mask, inference()))
          expectClose(two.image.dataSync(), one.image.dataSync(), 1e-5)
          const real = (tokens: Tensor3D) => slice(tokens, [0, 0, 0], [1, 3, fusion.width]).dataSync()
          expectClose(real(two.text), real(one.text), 1e-5)
          const pooled = [one, two].map((streams) => fusion.pool(streams, mask, 'mean-non-pad', inference()).text.dataSync())
          expectClose(pooled[1], pooled[0], 1e-5)
        }),
      ))

    it('lets each side read the other', () =>
      withTiny([make()], (pipeline) =>
        tidy(() => {
          const fusion = pipeline.get(Fusion)
          const { text, image, mask } = inputs(pipeline)
          const plain = fusion.fuse(text, image, mask, inference())
          const otherImage = fusion.fuse(text, randomNormal(image.shape), mask, inference())
          const otherText = fusion.fuse(randomNormal(text.shape), image, mask, inference())
          expect([...otherImage.text.dataSync()]).not.toEqual([...plain.text.dataSync()])
          expect([...otherText.image.dataSync()]).not.toEqual([...plain.image.dataSync()])
        }),
      ))

    it('has a gradient for every parameter, and leaves no tensor behind', () => {
      const plugin = make()
      return withTiny([plugin], async (pipeline) => {
        const fusion = pipeline.get(Fusion)
        // A softmax does not see what is added to all keys alike.
        const own = (await ownParameters(pipeline, [plugin])).filter((parameter) => !parameter.name.endsWith('key.bias'))
        const run = (forward: Forward) => {
          const { text, image, mask } = inputs(pipeline)
          const streams = fusion.fuse(text, image, mask, forward)
          const pooled = fusion.pool(streams, mask, 'first', forward)
          return weighted(streams.text, streams.image, pooled.text, pooled.image)
        }
        expectNoLeak(() => run(inference()))
        expectNoLeak(() => expectGradientReaches(own, () => run(training())))
      })
    })
  })
}
