import { readFileSync } from 'node:fs'
import { add, div, matMul, mul, oneHot, slice, softmax, sum, type Tensor, type Tensor1D, type Tensor2D, tensor, tidy } from '@tensorflow/tfjs-core'
import type { Pooled } from '@unidiag/core/contracts/encoders'
import type { Gradients } from '@unidiag/core/contracts/gradient-transform'
import { Random } from '@unidiag/core/random'
import type { Step } from '@unidiag/core/step'
import { useBackend } from '@unidiag/testing/backends'
import { setUp } from '@unidiag/testing/set-up'
import { describe, expect, it } from 'vitest'
import { ogmGe } from './ogm-ge.js'

/** Made by ogm-ge.reference.py. */
const reference = JSON.parse(readFileSync(new URL('ogm-ge.reference.json', import.meta.url), 'utf8'))

/** One linear layer over [text, image], as in the original. */
const task = {
  unimodal({ text, image }: Pooled) {
    const half = (feature: Tensor2D, from: number): Tensor2D =>
      add(matMul(feature, slice(tensor(reference.weight) as Tensor2D, [from, 0], [3, 4])), div(tensor(reference.bias), 2))
    return { text: half(text, 0), image: half(image, 3) }
  },
  groundTruth: (logits: Tensor2D) => sum(mul(softmax(logits), oneHot(tensor(reference.labels, [6], 'int32') as Tensor1D, 4)), 1) as Tensor1D,
}

const kernels = ['language_encoder.encoder.layer.0.output.dense.weight', 'vision_encoder.visual.transformer.resblocks.0.mlp.c_fc.weight']
const others = [
  'language_encoder.encoder.layer.0.output.dense.bias',
  'language_encoder.embeddings.word_embeddings.weight',
  'vision_encoder.visual.positional_embedding',
  'multi_modal_language_layers.0.output.dense.weight',
  'multi_modal_vision_proj.weight',
  'vqa_head.0.weight',
]

describe('ogmGe', () => {
  useBackend()

  async function apply(options: Parameters<typeof ogmGe>[0], progress = 0) {
    const transform = await setUp(ogmGe(options), { task })
    tidy(() => transform.observe?.({ lastPooled: { text: tensor(reference.text), image: tensor(reference.image) } } as unknown as Step))
    return tidy(() => {
      const values = (name: string): Tensor => (name.endsWith('bias') ? tensor([1, 2, 4]) : tensor(reference.gradient))
      const gradients: Gradients = new Map([...kernels, ...others].map((name) => [name, values(name)]))
      const coefficients = transform.apply(gradients, { rng: (stream) => new Random(1).rng(stream), progress })
      const changed = [...gradients].filter(([name, gradient]) => String(gradient.dataSync()) !== String(values(name).dataSync())).map(([name]) => name)
      return { coefficients, changed, text: [...gradients.get(kernels[0])!.dataSync()], image: [...gradients.get(kernels[1])!.dataSync()] } as never
    }) as unknown as { coefficients: Record<string, number>; changed: string[]; text: number[]; image: number[] }
  }
  const dominant = reference.rho.text > 1 ? 'text' : 'image'
  const flat: number[] = reference.gradient.flat()

  it.each([0.1, 0.8])('gives the coefficients of the equations at alpha %f', async (alpha) => {
    const { coefficients } = await apply({ alpha, noise: 'off' })
    expect(coefficients.contributionText).toBeCloseTo(reference.score.text, 5)
    expect(coefficients.contributionImage).toBeCloseTo(reference.score.image, 5)
    expect(coefficients.rhoText).toBeCloseTo(reference.rho.text, 5)
    expect(coefficients.kText).toBeCloseTo(reference.k[alpha].text, 5)
    expect(coefficients.kImage).toBeCloseTo(reference.k[alpha].image, 5)
    // A side divided by itself would switch the method off.
    expect(coefficients.rhoText).not.toBe(1)
  })

  it('damps the weight matrices of the leading encoder and nothing else', async () => {
    const { changed, ...found } = await apply({ alpha: 0.8, noise: 'off' })
    expect(changed).toEqual([dominant === 'text' ? kernels[0] : kernels[1]])
    const k = reference.k[0.8][dominant]
    for (const [i, value] of found[dominant].entries()) expect(value).toBeCloseTo(k * flat[i], 5)
  })

  it('adds noise to both encoders, with the spread of the gradient before it was damped', async () => {
    const [noisy, plain] = [await apply({ alpha: 0.8 }), await apply({ alpha: 0.8, noise: 'off' })]
    expect(noisy.changed).toEqual(kernels)
    for (const side of ['text', 'image'] as const) {
      const normals = new Random(1).rng(`ogm-ge/${kernels[side === 'text' ? 0 : 1]}`).normals(12)
      for (const [i, value] of noisy[side].entries()) expect(value - plain[side][i]).toBeCloseTo(reference.noiseDeviation * normals[i], 4)
    }
  })

  it('acts in its span of the stage', async () => {
    expect((await apply({}, 0.49)).changed).toEqual(kernels)
    const after = await apply({}, 0.5)
    expect(after.changed).toEqual([])
    expect(after.coefficients).toMatchObject({ kText: 1, kImage: 1, rhoText: expect.closeTo(reference.rho.text, 5) })
    expect((await apply({ span: [0.25, 1] }, 0.2)).changed).toEqual([])
    expect((await apply({ span: [0.25, 1] }, 0.99)).changed).toEqual(kernels)
    expect(() => ogmGe.definition.options.parse({ span: [0.5, 0.25] })).toThrow()
  })

  it('works where GM-Coord does', async () => {
    expect((await setUp(ogmGe(), { task })).stages).toEqual(['fine-tune'])
  })
})
