import { add, memory, mul, randomNormal, type Scalar, sum, type Tensor2D, type Tensor3D, tensor, tidy } from '@tensorflow/tfjs-core'
import type { Pooling } from '@unidiag/core/contracts/encoders'
import { computeGradients } from '@unidiag/core/nn/compute-gradients'
import { inference } from '@unidiag/core/nn/forward'
import { Parameters } from '@unidiag/core/nn/parameter'
import { Random } from '@unidiag/core/random'
import { useBackend } from '@unidiag/testing/backends'
import { setUp } from '@unidiag/testing/set-up'
import { afterEach, describe, expect, it } from 'vitest'
import { coAttention } from './co-attention.js'

const tiny = { width: 12, layers: 2, heads: 3 }

describe('co-attention', () => {
  useBackend()
  let parameters = new Parameters(new Random(0))
  afterEach(() => {
    parameters.dispose()
    parameters = new Parameters(new Random(0))
  })
  const encoders = { image: { name: 'the/vision-plugin', width: 16 }, text: { name: 'the/text-plugin', width: 8 } }
  const make = (options: { layers?: number; imageWidth?: number; textWidth?: number } = {}) =>
    setUp(coAttention({ ...tiny, ...options }), { parameters, ...encoders })
  const text = () => randomNormal([2, 5, 8], 0, 1, 'float32', 1) as Tensor3D
  const image = () => randomNormal([2, 4, 16], 0, 1, 'float32', 2) as Tensor3D
  const mask = (last = 0) => tensor([1, 1, 1, 1, 1, 1, 1, 1, last, last], [2, 5]) as Tensor2D

  it.each([
    ['imageWidth', 20, 'the/vision-plugin', 16],
    ['textWidth', 20, 'the/text-plugin', 8],
  ])('refuses an encoder whose tokens are not %s wide, naming both plugins', async (option, expected, plugin, actual) => {
    const message = expect.stringMatching(new RegExp(`@unidiag/encoders/co-attention .*width ${expected}.*${plugin} .*width ${actual}`))
    await expect(make({ [option]: expected })).rejects.toThrow(expect.objectContaining({ code: 'TENSOR_SHAPE', message }))
    await expect(make({ [option]: actual })).resolves.toMatchObject({ width: 12 })
  })

  it('fuses streams of any widths and lengths, and leaves no tensor behind', async () => {
    const fusion = await make()
    const before = memory().numTensors
    tidy(() => {
      const streams = fusion.fuse(text(), image(), mask(), inference())
      expect(streams.text.shape).toEqual([2, 5, 12])
      expect(streams.image.shape).toEqual([2, 4, 12])
      expect(streams.imageInputs.map((input) => input.shape)).toEqual([
        [2, 4, 12],
        [2, 4, 12],
      ])
    })
    expect(memory().numTensors).toBe(before)
  })

  it('shows in `imageInputs` what a fusion of fewer layers gives out', async () => {
    const deep = await make()
    const stored = tidy(() => {
      const streams = deep.fuse(text(), image(), mask(), inference())
      return streams.imageInputs[1].dataSync().slice()
    })
    const weights = parameters.export()
    parameters.dispose()
    const shallow = await make({ layers: 1 })
    parameters.load(weights)
    const out = tidy(() => shallow.fuse(text(), image(), mask(), inference()).image.dataSync().slice())
    for (const [i, value] of out.entries()) expect(value).toBeCloseTo(stored[i], 5)
  })

  it('attends to padding in neither stream', async () => {
    const fusion = await make()
    tidy(() => {
      const values = text()
      const changed = values.dataSync().slice()
      changed.fill(5, changed.length - 2 * 8)
      const other = tensor(changed, [2, 5, 8]) as Tensor3D
      const [a, b, c] = [
        fusion.fuse(values, image(), mask(0), inference()),
        fusion.fuse(other, image(), mask(0), inference()),
        fusion.fuse(other, image(), mask(1), inference()),
      ]
      const distance = (x: Tensor3D, y: Tensor3D) => Math.max(...x.dataSync().map((value, i) => Math.abs(value - y.dataSync()[i])))
      expect(distance(a.image, b.image)).toBeLessThan(1e-5)
      expect(distance(a.image, c.image)).toBeGreaterThan(1e-3)
    })
  })

  it.each<[Pooling, (rows: number[][], real: number) => number[]]>([
    ['first', (rows) => rows[0]],
    ['mean', (rows) => average(rows)],
    ['mean-non-pad', (rows, real) => average(rows.slice(0, real))],
  ])('pools `%s`', async (pooling, expected) => {
    const fusion = await make()
    tidy(() => {
      const streams = fusion.fuse(text(), image(), mask(), inference())
      const pooled = fusion.pool(streams, mask(), pooling, inference())
      const sides = [
        { tokens: streams.text, out: pooled.text, name: 'multi_modal_language_pooler', real: [5, 3] },
        { tokens: streams.image, out: pooled.image, name: 'multi_modal_vision_pooler', real: [4, 4] },
      ]
      for (const { tokens, out, name, real } of sides) {
        const weight = parameters.get(`${name}.dense.weight`).value.arraySync() as number[][]
        const actual = out.arraySync() as number[][]
        for (const [b, rows] of (tokens.arraySync() as number[][][]).entries()) {
          const input = expected(rows, real[b])
          for (let j = 0; j < 12; j++) expect(actual[b][j]).toBeCloseTo(Math.tanh(input.reduce((total, x, i) => total + x * weight[i][j], 0)), 5)
        }
      }
    })
  })

  it('gives every parameter a gradient', async () => {
    const fusion = await make()
    const { gradients } = computeGradients(parameters.all(), () => {
      const streams = fusion.fuse(text(), image(), mask(), inference())
      const pooled = fusion.pool(streams, mask(), 'mean', inference())
      const parts = [streams.text, streams.image, pooled.text, pooled.image].map((out) => sum(mul(out, randomNormal(out.shape, 0, 1, 'float32', 3))) as Scalar)
      return { total: parts.reduce((a, b) => add(a, b)), parts: {} }
    })
    expect(gradients.size).toBe(parameters.all().length)
    for (const [name, gradient] of gradients) {
      // Softmax does not see the bias of the keys: its gradient is zero but for rounding.
      if (!name.endsWith('.key.bias')) expect(Math.max(...gradient.dataSync().map(Math.abs)), name).toBeGreaterThan(0)
      gradient.dispose()
    }
  })
})

const average = (rows: number[][]): number[] => rows[0].map((_, i) => rows.reduce((total, row) => total + row[i], 0) / rows.length)
