import { readFileSync } from 'node:fs'
import { dispose, memory, reshape, type Tensor3D, tensor } from '@tensorflow/tfjs-core'
import type { Objective } from '@unidiag/core/contracts/objective'
import type { HostBatch } from '@unidiag/core/data/batch-draft'
import { batchKeys } from '@unidiag/core/data/batch-keys'
import type { HostArray } from '@unidiag/core/data/host-array'
import type { VisionLanguageModel } from '@unidiag/core/model'
import { computeGradients, readLosses } from '@unidiag/core/nn/compute-gradients'
import { Parameters, zeros } from '@unidiag/core/nn/parameter'
import type { Plugin } from '@unidiag/core/plugin'
import { Random } from '@unidiag/core/random'
import { Step } from '@unidiag/core/step'
import { describeBackends } from '@unidiag/testing/backends'
import { expectClose } from '@unidiag/testing/operator'
import { setUp } from '@unidiag/testing/set-up'
import { tinySamples } from '@unidiag/testing/tiny-data'
import { expect, it } from 'vitest'
import { contrastiveLoss } from './contrastive.js'
import { itc } from './itc.js'
import { mim } from './mim.js'
import { mimDecoder } from './mim-decoder.js'
import { hidePatches } from './random-patch.js'

interface Case {
  readonly loss: number
  readonly values: Readonly<Record<string, number[]>>
  readonly gradients: Readonly<Record<string, number[]>>
}

interface Contrast extends Case {
  readonly scale: number
  readonly imagePooling: 'first' | 'mean'
  readonly textPooling: 'first' | 'mean-non-pad'
  readonly mask: number[]
}

interface Reconstruction extends Case {
  readonly normPixLoss: boolean
  readonly image: number[]
  readonly noise: number[][]
}

/** Made by comparisons.reference.py. */
const reference = JSON.parse(readFileSync(new URL('comparisons.reference.json', import.meta.url), 'utf8'))

/** Encoders that give what the parameters `image`, `[B, T, 4]`, and `text` hold, whatever they are shown. */
function givenTokens(tokens: Readonly<Record<string, readonly number[]>>) {
  const parameters = new Parameters(new Random(0))
  const of = (name: string) => ({
    width: 4,
    imageSize: 8,
    patchSize: 2,
    encode: () => reshape(parameters.get(name).value, tokens[name] as never) as Tensor3D,
  })
  for (const [name, shape] of Object.entries(tokens)) parameters.create(name, shape, zeros)
  return { parameters, image: of('image'), text: of('text'), fusion: { width: 4, depth: 1 } }
}

type Model = ReturnType<typeof givenTokens>

/** Loss and gradients of an objective whose parameters have the values of the reference; leaves no tensor behind. */
async function expectReference(model: Model, plugin: Plugin<Objective>, found: Case, o: { arrays: Record<string, HostArray>; names: Record<string, string> }) {
  const objective = await setUp(plugin, model)
  for (const [name, values] of Object.entries(found.values)) {
    const parameter = model.parameters.get(o.names[name])
    parameter.assign(tensor(values, parameter.shape as number[]))
  }
  const batch: HostBatch = { index: 0, epoch: 0, samples: tinySamples(3), arrays: o.arrays, lost: [] }
  const compute = () =>
    computeGradients(model.parameters.trainable(), () => {
      const loss = objective.loss(new Step({ model: model as unknown as VisionLanguageModel, batch, training: false }))
      return { total: loss, parts: {} }
    })
  const warmUp = compute()
  dispose([warmUp.losses.values, ...warmUp.gradients.values()])
  const before = memory().numTensors
  const { losses, gradients } = compute()
  expect(readLosses(losses).total / found.loss).toBeCloseTo(1, 4)
  for (const [name, expected] of Object.entries(found.gradients)) {
    expectClose(gradients.get(o.names[name])!.dataSync(), expected, 2e-5, `gradient of ${name}`)
  }
  for (const gradient of gradients.values()) gradient.dispose()
  expect(memory().numTensors).toBe(before)
  model.parameters.dispose()
}

const blank: HostArray = { data: new Float32Array(0), shape: [0] }

describeBackends('itc', () => {
  const names = {
    image: 'image',
    text: 'text',
    image_proj: 'itc_head.image_proj.weight',
    text_proj: 'itc_head.text_proj.weight',
    logit_scale: 'itc_head.logit_scale',
  }
  const check = ({ scale, mask, imagePooling, textPooling, ...found }: Contrast, gradient?: number) => {
    const arrays = {
      [batchKeys.image]: blank,
      [batchKeys.textIds]: { data: new Int32Array(0), shape: [0] },
      [batchKeys.textMask]: { data: Float32Array.from(mask), shape: [3, 6] },
    }
    const plugin = itc({ imagePooling, textPooling, width: 3, temperature: Math.exp(-scale), excludeSelf: false })
    const gradients = { ...found.gradients, ...(gradient !== undefined && { logit_scale: [gradient] }) }
    return expectReference(givenTokens({ image: [3, 5, 4], text: [3, 6, 4] }), plugin, { ...found, gradients }, { arrays, names })
  }

  it.each(['clip', 'flip', 'mean', 'clamped'])('has the loss and the gradients of the reference: %s', (name) => check(reference[name]))

  it('stays at the largest scale while the gradient would raise it', async () => {
    expect(reference.aligned.gradients.logit_scale[0]).toBeLessThan(0)
    await check(reference.aligned, 0)
  })

  it('is ln(1 + 3 exp(-10)) for four orthogonal pairs at temperature 0.1, and ln 4 for pairs that are alike', () => {
    const loss = (rows: number[][]) => {
      const x = tensor(rows) as never
      return contrastiveLoss({ image: x, text: x, logScale: tensor(Math.log(10)) as never }).dataSync()[0]
    }
    const unit = [0, 1, 2, 3].map((i) => [0, 1, 2, 3].map((j) => (i === j ? 2 : 0)))
    expect(loss(unit)).toBeCloseTo(1.362e-4, 6)
    expect(loss(unit.map(() => [1, 2, 3, 4]))).toBeCloseTo(Math.log(4), 5)
  })

  it('does not take another text of the same image for a negative', () => {
    const x = tensor([
      [1, 0],
      [1, 0],
      [0, 1],
    ]) as never
    const excluded = tensor([
      [0, 1, 0],
      [1, 0, 0],
      [0, 0, 0],
    ]) as never
    const loss = (o: object) => contrastiveLoss({ image: x, text: x, logScale: tensor(Math.log(10)) as never, ...o }).dataSync()[0]
    const [two, three] = [Math.log(1 + Math.exp(-10)), Math.log(1 + 2 * Math.exp(-10))]
    expect(loss({ excluded })).toBeCloseTo((2 * two + three) / 3, 6)
    expect(loss({})).toBeGreaterThan(0.4)
  })
})

describeBackends('mim of an image alone', () => {
  const names = (name: string) => [name, name === 'tokens' ? 'image' : `mim_head.${name}`]

  it.each(['mae', 'maeRaw'])('has the loss and the gradients of the reference: %s', async (name) => {
    const { normPixLoss, image, noise, ...found } = reference[name] as Reconstruction
    const arrays = {
      [batchKeys.image]: { data: Float32Array.from(image), shape: [2, 8, 8, 3] },
      [batchKeys.textIds]: { data: new Int32Array(0), shape: [0] },
      [batchKeys.textMask]: blank,
      ...hidePatches(noise, 4),
    }
    const model = givenTokens({ image: [2, 5, 4] })
    const decoder = await setUp(mimDecoder({ width: 4, layers: 0, heads: 1 }), model)
    const plugin = mim({ text: 'none', normPixLoss })
    await expectReference({ ...model, decoder } as Model, plugin, found, { arrays, names: Object.fromEntries(Object.keys(found.values).map(names)) })
  })

  it('reads neither text nor fusion, and refuses a fusion layer or another width', async () => {
    const model = { ...givenTokens({ image: [2, 5, 4] }), decoder: {} }
    await expect(setUp(mim({ text: 'none', mimLayer: 0 }), model)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await expect(setUp(mim({ text: 'none' }), { ...model, fusion: { width: 8, depth: 1 } })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })
})
