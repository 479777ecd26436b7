import { type Tensor4D, tensor, tidy } from '@tensorflow/tfjs-core'
import { useBackend } from '@unidiag/testing/backends'
import { describe, expect, it } from 'vitest'
import { pixelTarget } from './targets/pixels.js'

describe('pixelTarget', () => {
  useBackend()
  const image = () =>
    tensor(
      Float32Array.from({ length: 48 }, (_, i) => (i * i) % 17),
      [1, 4, 4, 3],
    ) as Tensor4D

  it('cuts patches in raster order, values in (row, column, channel) order', () => {
    const patches = tidy(() => pixelTarget(image(), 2, false).arraySync())[0]
    const at = (y: number, x: number, channel: number) => ((y * 4 + x) * 3 + channel) ** 2 % 17
    expect(patches).toHaveLength(4)
    const places = [0, 1].flatMap((y) => [0, 1].flatMap((x) => [0, 1, 2].map((channel) => at(y, 2 + x, channel))))
    expect(patches[1]).toEqual(places)
  })

  it('standardises each patch with its unbiased variance', () => {
    const [raw, standard] = tidy(() => [pixelTarget(image(), 2, false).arraySync()[0], pixelTarget(image(), 2, true).arraySync()[0]])
    raw.forEach((patch, n) => {
      const mean = patch.reduce((a, b) => a + b) / 12
      const variance = patch.reduce((a, b) => a + (b - mean) ** 2, 0) / 11
      for (const [i, value] of patch.entries()) expect(standard[n][i]).toBeCloseTo((value - mean) / Math.sqrt(variance + 1e-6), 5)
    })
  })
})
