import { memory, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core'
import { type Gradients, GradientTransform } from '@unidiag/core/contracts/gradient-transform'
import type { AnyPlugin, Plugin } from '@unidiag/core/plugin'
import { Random } from '@unidiag/core/random'
import { describe, expect, it } from 'vitest'
import { useBackend } from '../backends.js'
import { withTiny } from './tiny-pipeline.js'

export interface GradientTransformCheck {
  /** What else it needs. */
  readonly with?: () => readonly AnyPlugin[]
}

/**
 * What every gradient transform has to do, also when it has observed nothing.
 * @example describeGradientTransform('clip', () => clip({ max: 1 }))
 */
export function describeGradientTransform(name: string, make: () => Plugin<GradientTransform>, check: GradientTransformCheck = {}): void {
  describe(`${name} as a gradient transform`, () => {
    useBackend()
    const apply = (seed = 1) =>
      withTiny([...(check.with?.() ?? []), make()], (pipeline) => {
        const transform = pipeline.getAll(GradientTransform)[0]
        let result: { numbers: Record<string, number>; gradients: [name: string, shape: number[], values: number[]][] } = { numbers: {}, gradients: [] }
        const before = memory().numTensors
        tidy(() => {
          const gradients: Gradients = new Map<string, Tensor>([
            ['vision_encoder.weight', tensor([1, -2, 3, -4], [2, 2])],
            ['language_encoder.bias', tensor([0.5, 0])],
            ['vqa_head.weight', tensor([[1e-8]])],
          ])
          const numbers = transform.apply(gradients, { rng: (stream) => new Random(seed).rng(stream), progress: 0 })
          result = { numbers, gradients: [...gradients].map(([name, g]) => [name, g.shape, [...g.dataSync()]]) }
        })
        expect(memory().numTensors).toBe(before)
        return result
      })

    it('keeps names and shapes, and finite values', async () => {
      const { numbers, gradients } = await apply()
      expect(gradients.map(([name, shape]) => [name, shape])).toEqual([
        ['vision_encoder.weight', [2, 2]],
        ['language_encoder.bias', [2]],
        ['vqa_head.weight', [1, 1]],
      ])
      for (const [name, , values] of gradients) expect(values.every(Number.isFinite), name).toBe(true)
      for (const [name, value] of Object.entries(numbers)) expect(Number.isFinite(value), name).toBe(true)
    })

    it('follows from the seed', async () => {
      expect(await apply(1)).toEqual(await apply(1))
    })
  })
}
