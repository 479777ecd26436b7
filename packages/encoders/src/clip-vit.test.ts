import { gather, memory, mul, randomNormal, type Scalar, square, sub, sum, type Tensor2D, type Tensor4D, tensor, tidy } from '@tensorflow/tfjs-core'
import { computeGradients } from '@unidiag/core/nn/compute-gradients'
import { inference } from '@unidiag/core/nn/forward'
import { Parameters } from '@unidiag/core/nn/parameter'
import { Random } from '@unidiag/core/random'
import { useBackend } from '@unidiag/testing/backends'
import { setUp } from '@unidiag/testing/set-up'
import { afterEach, describe, expect, it } from 'vitest'
import { clipVit } from './clip-vit.js'

const tiny = { imageSize: 24, patchSize: 8, width: 16, heads: 2, blocks: 2 }

describe('clip-vit', () => {
  useBackend()
  let parameters = new Parameters(new Random(0))
  afterEach(() => {
    parameters.dispose()
    parameters = new Parameters(new Random(0))
  })
  const make = (options: Partial<typeof tiny> = tiny) => setUp(clipVit(options), { parameters })
  const image = (size: number, batch = 2) => randomNormal([batch, size, size, 3], 0, 1, 'float32', 1) as Tensor4D

  it.each([
    [314, 16, '304 or 320'],
    [10, 16, '16'],
    [288, 14, '280 or 294'],
  ])('refuses %d pixels with patches of %d and names the nearest sizes', async (imageSize, patchSize, nearest) => {
    await expect(make({ imageSize, patchSize })).rejects.toThrow(
      expect.objectContaining({ code: 'IMAGE_SIZE', message: expect.stringMatching(new RegExp(`${imageSize} pixels.* use ${nearest}$`)) }),
    )
    expect(parameters.all()).toEqual([])
  })

  it('refuses heads that do not divide the width', () => {
    expect(clipVit.definition.options.safeParse({ ...tiny, heads: 3 }).error?.issues).toMatchObject([{ path: ['heads'] }])
  })

  it('refuses an image of another size', async () => {
    const encoder = await make()
    expect(() => tidy(() => encoder.encode(image(32), inference()))).toThrow(
      expect.objectContaining({ code: 'TENSOR_SHAPE', message: expect.stringMatching(/24 x 24 pixels.*32 x 32/) }),
    )
  })

  it('gives the class token and one token a patch, and leaves no tensor behind', async () => {
    const encoder = await make()
    const pixels = image(24)
    const before = memory().numTensors
    tidy(() => {
      expect(encoder.encode(pixels, inference()).shape).toEqual([2, 10, 16])
    })
    expect(memory().numTensors).toBe(before)
    pixels.dispose()
  })

  it('puts the kept patches in the order they are asked for', async () => {
    const encoder = await make()
    const order = [4, 8, 0, 2, 6, 1, 7, 3, 5]
    tidy(() => {
      const pixels = image(24)
      const full = encoder.encode(pixels, inference())
      const keep = tensor([order, order], [2, 9], 'int32') as Tensor2D
      // Attention does not know the order of its tokens, so that keeping every patch only permutes the result.
      const permuted = gather(full, tensor([0, ...order.map((i) => i + 1)], [10], 'int32'), 1)
      const difference = sum(square(sub(encoder.encode(pixels, inference(), keep), permuted)))
      expect(difference.dataSync()[0]).toBeLessThan(1e-8)
      expect(sum(square(sub(full, permuted))).dataSync()[0]).toBeGreaterThan(1)
    })
  })

  it('does not look at removed patches', async () => {
    const encoder = await make()
    tidy(() => {
      const pixels = image(24, 1)
      // Patch 8 is the last one: rows and columns 16 to 23.
      const values = pixels.dataSync().slice()
      for (let y = 16; y < 24; y++) for (let x = 16; x < 24; x++) values.fill(9, (y * 24 + x) * 3, (y * 24 + x) * 3 + 3)
      const changed = tensor(values, [1, 24, 24, 3]) as Tensor4D
      const difference = (keep: number[]) => {
        const index = tensor([keep], [1, keep.length], 'int32') as Tensor2D
        return sum(square(sub(encoder.encode(pixels, inference(), index), encoder.encode(changed, inference(), index)))).dataSync()[0]
      }
      expect(difference([1, 5])).toBe(0)
      expect(difference([1, 8])).toBeGreaterThan(0.01)
    })
  })

  it('gives every parameter a gradient, with hidden patches too', async () => {
    const encoder = await make()
    const pixels = image(24)
    for (const rows of [undefined, [8, 1, 3]]) {
      const { gradients } = computeGradients(parameters.all(), () => {
        const keep = rows && (tensor([rows, rows], [2, rows.length], 'int32') as Tensor2D)
        const out = encoder.encode(pixels, inference(), keep)
        return { total: sum(mul(out, randomNormal(out.shape, 0, 1, 'float32', 2))) as Scalar, parts: {} }
      })
      expect([...gradients.keys()].sort()).toEqual(
        parameters
          .all()
          .map((p) => p.name)
          .sort(),
      )
      for (const [name, gradient] of gradients) {
        const size = Math.max(...gradient.dataSync().map(Math.abs))
        expect(size, name).toBeGreaterThan(0)
        expect(size, name).toBeLessThan(Number.POSITIVE_INFINITY)
        gradient.dispose()
      }
    }
    pixels.dispose()
  })

  it('takes a checkpoint of another image size by resizing its positions', async () => {
    await make({ ...tiny, imageSize: 32 })
    const stored = parameters.export()
    parameters.dispose()
    await make()
    expect(parameters.load(stored, { strict: true }).adapted).toEqual(['vision_encoder.visual.positional_embedding'])
  })
})
