import { reshape, type Tensor1D, type Tensor2D, tensor, tidy } from '@tensorflow/tfjs-core'
import type { Pooled } from '@unidiag/core/contracts/encoders'
import type { Gradients } from '@unidiag/core/contracts/gradient-transform'
import { Random } from '@unidiag/core/random'
import type { Step } from '@unidiag/core/step'
import { useBackend } from '@unidiag/testing/backends'
import { setUp } from '@unidiag/testing/set-up'
import { describe, expect, it } from 'vitest'
import { gmCoord } from './gm-coord.js'

/** Says that the contributions of a micro-batch are what its pooled features hold. */
const task = {
  unimodal: (pooled: Pooled) => pooled,
  groundTruth: (logits: Tensor2D) => reshape(logits, [-1]) as Tensor1D,
}
const names = [
  'language_encoder.encoder.layer.0.output.dense.bias',
  'multi_modal_language_proj.weight',
  'multi_modal_language_pooler.dense.weight',
  'vision_encoder.visual.class_embedding',
  'multi_modal_vision_layers.0.output.dense.bias',
  'multi_modal_vision_pooler.dense.bias',
  'modality_type_embeddings.weight',
  'vqa_head.0.weight',
]

describe('gmCoord', () => {
  useBackend()

  /** Applies the transform after micro-batches with these contributions [text, image]; gradients are [1, 2, 4] everywhere. */
  async function apply(options: Parameters<typeof gmCoord>[0], window: readonly (readonly [number, number])[]) {
    const transform = await setUp(gmCoord(options), { task })
    for (const [text, image] of window) {
      tidy(() => transform.observe?.({ lastPooled: { text: tensor([[text]]), image: tensor([[image]]) } } as unknown as Step))
    }
    return tidy(() => {
      const gradients: Gradients = new Map(names.map((name) => [name, tensor([1, 2, 4])]))
      const coefficients = transform.apply(gradients, { rng: (stream) => new Random(1).rng(stream), progress: 0 })
      return { coefficients, gradients: Object.fromEntries([...gradients].map(([name, gradient]) => [name, [...gradient.dataSync()]])) } as never
    }) as unknown as { coefficients: Record<string, number>; gradients: Record<string, number[]> }
  }
  const changed = (gradients: Record<string, number[]>) => names.filter((name) => gradients[name].join() !== '1,2,4')

  it('damps the dominant side, not its pooler, and nothing else', async () => {
    const { coefficients, gradients } = await apply({ noise: 'off' }, [[0.8, 0.4]])
    expect(coefficients).toEqual({
      rhoText: expect.closeTo(2, 5),
      kText: expect.closeTo(0.802625, 5),
      kImage: 1,
      contributionText: expect.closeTo(0.8, 6),
      contributionImage: expect.closeTo(0.4, 6),
    })
    expect(changed(gradients)).toEqual(names.slice(0, 2))
    expect(gradients[names[0]][2]).toBeCloseTo(4 * 0.802625, 5)
    expect(changed((await apply({ noise: 'off' }, [[0.4, 0.8]])).gradients)).toEqual(names.slice(3, 5))
  })

  it('sums contributions over the accumulation window, or takes the last', async () => {
    const window = [
      [0.9, 0.1],
      [0.1, 0.1],
    ] as const
    expect((await apply({ noise: 'off' }, window)).coefficients.rhoText).toBeCloseTo(5, 4)
    const last = await apply({ noise: 'off', window: 'last' }, window)
    expect(last.coefficients).toMatchObject({ rhoText: 1, kText: 1, kImage: 1 })
    expect(changed(last.gradients)).toEqual([])
  })

  it('a tie damps the image in the reading of the code', async () => {
    const { coefficients } = await apply({ noise: 'off', contribution: 'code' }, [[0.3, 0.3]])
    expect(coefficients).toMatchObject({ kText: 1, kImage: expect.closeTo(0.900332, 6) })
  })

  it('adds noise to both sides, or to the damped one', async () => {
    const both = await apply({}, [[0.8, 0.4]])
    expect(changed(both.gradients)).toEqual([...names.slice(0, 2), ...names.slice(3, 5)])
    expect(both.gradients[names[0]]).not.toEqual(both.gradients[names[1]])
    expect((await apply({}, [[0.8, 0.4]])).gradients).toEqual(both.gradients)
    expect(changed((await apply({ noise: 'modulatedOnly' }, [[0.8, 0.4]])).gradients)).toEqual(names.slice(0, 2))
  })

  it('says what is wrong when a stage has no supervised loss', async () => {
    const transform = await setUp(gmCoord(), { task })
    expect(() => transform.observe?.({ lastPooled: undefined } as unknown as Step)).toThrow(expect.objectContaining({ code: 'PLUGIN_MISSING' }))
  })

  it('applies to fine-tuning unless told otherwise', async () => {
    expect((await setUp(gmCoord(), { task })).stages).toEqual(['fine-tune'])
  })
})
