import { memory, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core'
import { useBackend } from '@unidiag/testing/backends'
import { describe, expect, it } from 'vitest'
import { clipByGlobalNorm } from './clip.js'

describe('clipByGlobalNorm', () => {
  useBackend()

  const clip = (max: number) =>
    tidy(() => {
      const gradients = new Map<string, Tensor>([
        ['a', tensor([3, 0])],
        ['b', tensor([[-4]])],
      ])
      const before = memory().numTensors
      const norm = clipByGlobalNorm(gradients, max)
      expect(memory().numTensors).toBe(before + 1)
      return { norm: norm.dataSync()[0], values: [...gradients.values()].flatMap((g) => [...g.dataSync()]) } as never
    }) as { norm: number; values: number[] }

  it('scales all gradients together', () => {
    const { norm, values } = clip(1)
    expect(norm).toBe(5)
    expect(values.map((x) => +x.toFixed(6))).toEqual([0.6, 0, -0.8])
  })

  it('leaves small gradients as they are', () => {
    expect(clip(5)).toEqual({ norm: 5, values: [3, 0, -4] })
  })
})
