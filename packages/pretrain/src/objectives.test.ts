import { memory, mul, tidy } from '@tensorflow/tfjs-core'
import type { Objective } from '@unidiag/core/contracts/objective'
import type { Teacher } from '@unidiag/core/contracts/teacher'
import { computeGradients, readLosses } from '@unidiag/core/nn/compute-gradients'
import type { Plugin } from '@unidiag/core/plugin'
import { weightedLoss } from '@unidiag/core/stages/weighted-loss'
import { Step } from '@unidiag/core/step'
import { useBackend } from '@unidiag/testing/backends'
import { setUp } from '@unidiag/testing/set-up'
import { tinyBatch, tinyTokenizer } from '@unidiag/testing/tiny-data'
import { tinyModel } from '@unidiag/testing/tiny-model'
import { describe, expect, it } from 'vitest'
import { emaTeacher } from './ema-teacher.js'
import { feaMim } from './fea-mim.js'
import { feaMlm } from './fea-mlm.js'
import { itm } from './itm.js'
import { mim } from './mim.js'
import { mimDecoder } from './mim-decoder.js'
import { mlm } from './mlm.js'
import { randomPatch } from './random-patch.js'
import { textMask } from './text-mask.js'

type Vectors = ReadonlyMap<string, Float32Array>

/** A tiny model with a teacher that is not the student, and objectives of it. */
async function pipeline(...plugins: Plugin<Objective>[]) {
  const tiny = tinyModel({ dropout: 0.1 })
  const needs: Record<string, unknown> = { ...tiny, tokenizer: tinyTokenizer }
  needs.decoder = await setUp(mimDecoder({ width: 8, layers: 1, heads: 2 }), needs)
  const objectives: Objective[] = []
  for (const plugin of plugins) objectives.push(await setUp(plugin, needs))
  const teacher: Teacher = await setUp(emaTeacher({ initFrom: 'config' }), needs)
  teacher.start()
  const parts = [await setUp(randomPatch(), needs), await setUp(textMask({ ratio: 0.4 }), needs), ...objectives]
  const batch = await tinyBatch({ parts })

  const gradients = (training = false, tap?: (name: string) => void): { losses: Record<string, number>; gradients: Vectors } => {
    const rng = (...path: (string | number)[]) => tiny.random.rng(...path)
    const found = computeGradients(tiny.parameters.trainable(), () =>
      weightedLoss(
        objectives.map((objective) => ({ objective, weight: 1 })),
        new Step({ model: tiny.model, batch, teacher, training, rng, ...(tap && { tap }) }),
      ),
    )
    const read = new Map([...found.gradients].map(([name, gradient]) => [name, Float32Array.from(gradient.dataSync())]))
    for (const gradient of found.gradients.values()) gradient.dispose()
    return { losses: readLosses(found.losses), gradients: read }
  }
  return { ...tiny, gradients }
}

const isZero = (vector: Float32Array | undefined): boolean => !vector || vector.every((value) => value === 0)
const encoders = (vectors: Vectors): [string, Float32Array][] =>
  [...vectors].filter(([name]) => ['vision_', 'language_', 'multi_modal_'].some((start) => name.startsWith(start)))

describe('feaMim', () => {
  useBackend()

  it('visible: compares what both streams have, and teaches the encoders', async () => {
    const { losses, gradients } = (await pipeline(feaMim({ feaDim: 4 }))).gradients()
    expect(losses.feaMim).toBeGreaterThan(0)
    expect(isZero(gradients.get('vision_encoder.class'))).toBe(false)
    expect(isZero(gradients.get('multi_modal_vision_layers.0.intermediate.dense.weight'))).toBe(false)
    expect(isZero(gradients.get('feai_proj.weight'))).toBe(false)
    expect(isZero(gradients.get('mim_head.mask_token'))).toBe(true)
  })

  it('visible: a teacher equal to the student leaves nothing to learn where both see the same', async () => {
    const tiny = tinyModel()
    const objective = await setUp(feaMim({ feaDim: 4 }), tiny as unknown as Record<string, unknown>)
    const teacher = await setUp(emaTeacher(), tiny as unknown as Record<string, unknown>)
    teacher.start()
    const batch = await tinyBatch({
      parts: [
        await setUp(randomPatch({ ratio: 0.01 + 1 / 16 }), tiny as unknown as Record<string, unknown>),
        await setUp(textMask(), { tokenizer: tinyTokenizer }),
      ],
    })
    const computed = computeGradients(tiny.parameters.trainable(), () =>
      weightedLoss([{ objective, weight: 1 }], new Step({ model: tiny.model, batch, teacher, training: false })),
    )
    const losses = readLosses(computed.losses)
    // Two of 16 patches and a few tokens are hidden: close to, but not the same features.
    expect(losses.feaMim).toBeLessThan(0.2)
    expect(losses.feaMim).toBeGreaterThan(0)
  })

  it('visible: the class token counts unless told otherwise', async () => {
    const run = async (classToken: boolean) => (await pipeline(feaMim({ feaDim: 4, classToken }))).gradients().losses.feaMim
    expect(Math.abs((await run(true)) / (await run(false)) - 1)).toBeGreaterThan(0.01)
  })

  it('decoder: teaches encoders, decoder and mask token', async () => {
    const { gradients } = (await pipeline(feaMim({ mode: 'decoder', feaDim: 4 }))).gradients()
    for (const name of ['vision_encoder.class', 'mim_head.mask_token', 'mim_head.decoder.resblocks.0.ln_1.weight', 'feai_proj.weight', 'feai_pred.weight'])
      expect(isZero(gradients.get(name)), name).toBe(false)
  })

  it('code: no gradient reaches an encoder or the fusion, only the mask token and decoder_embed', async () => {
    const { losses, gradients } = (await pipeline(feaMim({ mode: 'code' }))).gradients()
    expect(losses.feaMim).toBeGreaterThan(0)
    for (const [name, gradient] of encoders(gradients)) expect(isZero(gradient), name).toBe(true)
    for (const name of ['mim_head.mask_token', 'mim_head.decoder_embed.weight']) expect(isZero(gradients.get(name)), name).toBe(false)
  })

  it('stopGradient: the target does not train its projection', async () => {
    const run = async (stopGradient: boolean) => (await pipeline(feaMim({ feaDim: 4, stopGradient }))).gradients()
    const [flowing, stopped] = [await run(false), await run(true)]
    expect(stopped.losses).toEqual(flowing.losses)
    expect(stopped.gradients.get('vision_encoder.class')).toEqual(flowing.gradients.get('vision_encoder.class'))
    expect(stopped.gradients.get('feai_proj.weight')).not.toEqual(flowing.gradients.get('feai_proj.weight'))
  })

  it('normTarget: a projection of nothing is no way out', async () => {
    const shrunk = async (normTarget: boolean) => {
      const made = await pipeline(feaMim({ feaDim: 4, normTarget }))
      const { value } = made.parameters.get('feai_proj.weight')
      made.parameters.get('feai_proj.weight').assign(tidy(() => mul(value, 0.01)))
      return made.gradients().losses.feaMim
    }
    expect(await shrunk(false)).toBeLessThan(1e-3)
    // Three quarters: the mean square of a standardised vector of 4.
    expect(await shrunk(true)).toBeGreaterThan(0.5)
  })

  it('says what it misses without a decoder', async () => {
    const needs = tinyModel() as unknown as Record<string, unknown>
    await expect(setUp(feaMim({ mode: 'code' }), needs)).rejects.toMatchObject({ code: 'PLUGIN_MISSING' })
    await expect(setUp(feaMim(), needs)).resolves.toMatchObject({ name: 'feaMim' })
  })
})

describe('feaMlm', () => {
  useBackend()

  it('counts real tokens only, or every position', async () => {
    const run = async (positions: 'non-pad' | 'all') => (await pipeline(feaMlm({ feaDim: 4, positions }))).gradients()
    const [real, every] = [await run('non-pad'), await run('all')]
    expect(real.losses.feaMlm).toBeGreaterThan(0)
    expect(real.losses.feaMlm).not.toBeCloseTo(every.losses.feaMlm, 4)
    expect(isZero(real.gradients.get('language_encoder.layer.0.intermediate.dense.weight'))).toBe(false)
  })

  it('the bias of the projection cancels out', async () => {
    const { gradients } = (await pipeline(feaMlm({ feaDim: 4 }))).gradients()
    for (const value of gradients.get('feal_proj.bias')!) expect(Math.abs(value)).toBeLessThan(1e-7)
  })
})

describe('mim', () => {
  useBackend()

  it('reads the features of the layer that it is told', async () => {
    const run = async (mimLayer: number) => (await pipeline(mim({ mimLayer }))).gradients()
    const layer0 = await run(0)
    expect(isZero(layer0.gradients.get('multi_modal_vision_layers.0.intermediate.dense.weight'))).toBe(true)
    const [last, layer1] = [await run(-1), await run(1)]
    expect(layer1.losses).toEqual(last.losses)
    expect(isZero(last.gradients.get('multi_modal_vision_layers.0.intermediate.dense.weight'))).toBe(false)
    expect(isZero(last.gradients.get('mim_head.decoder_pos_embed'))).toBe(true)
  })

  it('refuses a layer that the fusion does not have', async () => {
    await expect(pipeline(mim({ mimLayer: 2 }))).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })
})

describe('all objectives together', () => {
  useBackend()

  it('leave no tensor behind', async () => {
    const { gradients } = await pipeline(mim(), mlm(), feaMim({ feaDim: 4 }), feaMlm({ feaDim: 4 }), itm())
    const { losses } = gradients(true)
    expect(Object.keys(losses).sort()).toEqual(['feaMim', 'feaMlm', 'itm', 'mim', 'mlm', 'total'])
    for (const loss of Object.values(losses)) expect(loss).toBeGreaterThan(0)
    const before = memory().numTensors
    for (let i = 0; i < 5; i++) gradients(true)
    expect(memory().numTensors).toBe(before)
  })

  it('decode once for two objectives on the same features', async () => {
    const { gradients } = await pipeline(mim(), feaMim({ mode: 'decoder', feaDim: 4 }))
    const decoded: string[] = []
    gradients(false, (name) => {
      if (name.endsWith('mim_head.decoder_norm')) decoded.push(name)
    })
    expect(decoded).toHaveLength(1)
  })
})
