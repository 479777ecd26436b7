import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compose } from '@unidiag/core/compose'
import type { Dataset } from '@unidiag/core/contracts/dataset'
import { ImageLoader } from '@unidiag/core/contracts/image-loader'
import type { RunEvent, StepEvent } from '@unidiag/core/events'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import { type AnyPlugin, definePlugin } from '@unidiag/core/plugin'
import { Random } from '@unidiag/core/random'
import { useBackend } from '@unidiag/testing/backends'
import { tinyDataset } from '@unidiag/testing/tiny-data'
import { tinyPlugins } from '@unidiag/testing/tiny-plugins'
import { lastValueFrom, takeWhile, toArray } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { itc } from './itc.js'
import { itm } from './itm.js'
import { mim } from './mim.js'
import { mimDecoder } from './mim-decoder.js'
import { mlm } from './mlm.js'
import { mrPretrain } from './mr-pretrain.js'
import { randomPatch } from './random-patch.js'
import { textMask } from './text-mask.js'
import { unmaskedTail } from './unmasked-tail.js'

/** Tiny pairs with images of their own: ramps, whose hidden parts follow from what is seen. */
const tiny = tinyDataset({ train: 12 })
const dataset: Dataset = { ...tiny, samples: (split) => tiny.samples(split).map((sample) => ({ ...sample, image: { file: sample.imageId } })) }
const images = definePlugin({
  name: '@unidiag/pretrain/test-images',
  provides: ImageLoader,
  options: z.strictObject({}),
  setup: (): ImageLoader => ({
    size: 8,
    async load(image) {
      const [across, down, ...colour] = new Random(5).rng((image as { file: string }).file).normals(5)
      return Float32Array.from({ length: 8 * 8 * 3 }, (_, i) => (across * (Math.floor(i / 3) % 8) + down * Math.floor(i / 24)) / 4 + colour[i % 3])
    },
  }),
})

async function run(plugins: AnyPlugin[], { out, stopAt, resume = false }: { out?: string; stopAt?: number; resume?: boolean } = {}) {
  const others = tinyPlugins({ dataset, dropout: 0.1 }).filter(({ definition }) => definition.provides !== ImageLoader)
  const pipeline = await compose({ seed: 2, ...(out !== undefined && { out }), plugins: [...others, images(), ...plugins] })
  const values = () =>
    pipeline
      .get(ParameterStore)
      .all()
      .map(({ name, value }) => ({ name, value: value.dataSync().join() }))
  const before = values()
  const goesOn = (event: RunEvent): boolean => !(event.type === 'step' && event.step === stopAt)
  const events: RunEvent[] = await lastValueFrom(pipeline.run({ resume }).pipe(takeWhile(goesOn, true), toArray()))
  const after = values()
  const trained = after.flatMap(({ name, value }, i) => (value === before[i].value ? [] : [name]))
  await pipeline.close()
  const steps = events.filter((event): event is StepEvent => event.type === 'step')
  return { steps, trained, after }
}

const training = { steps: 60, batchSize: 6, optimizer: { learningRate: 1e-2, multiplier: { multiModal: 1, heads: 1 } } }
const decoder = () => mimDecoder({ width: 8, layers: 1, heads: 2 })
// The class token of the tiny encoder knows nothing of the image.
const clip = (o: Parameters<typeof itc>[0] = {}) => itc({ width: 8, imagePooling: 'mean', ...o })
const parts = (names: readonly string[]): string[] => [...new Set(names.map((name) => name.slice(0, name.search(/[._]/))))].sort()

function expectLearning(steps: readonly StepEvent[], losses: readonly string[]): void {
  expect(new Set(steps.map(({ tensors }) => tensors)).size, 'tensors alive').toBe(1)
  const mean = (part: readonly StepEvent[], name: string) => part.reduce((total, step) => total + step.losses[name], 0) / part.length
  for (const name of losses) expect(mean(steps.slice(-8), name), name).toBeLessThan(0.95 * mean(steps.slice(0, 8), name))
}

describe('pre-training that the method is compared with', () => {
  useBackend()

  it('MAE: pixels from the image encoder alone', async () => {
    const { steps, trained } = await run([randomPatch(), decoder(), mim({ text: 'none' }), mrPretrain({ ...training, objectives: ['mim'], alpha: 0 })])
    expectLearning(steps, ['mim'])
    expect(steps[0].losses.total).toBe(steps[0].losses.mim)
    expect(parts(trained)).toEqual(['mim', 'vision'])
  })

  it('CLIP: contrast of both encoders, and the fusion keeps its values', async () => {
    const { steps, trained } = await run([clip(), mrPretrain({ ...training, objectives: ['itc'] })])
    expectLearning(steps, ['itc'])
    expect(parts(trained)).toEqual(['itc', 'language', 'vision'])
    expect(trained).toContain('itc_head.logit_scale')
    const fixed = await run([clip({ learnTemperature: false }), mrPretrain({ ...training, steps: 2, objectives: ['itc'] })])
    expect(fixed.trained).not.toContain('itc_head.logit_scale')
  })

  it('CLIP: a stopped run goes on bit for bit, temperature and all', async () => {
    const dirs = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'unidiag-clip-')))
    const plugins = [clip(), mrPretrain({ ...training, steps: 6, objectives: ['itc'] })]
    const whole = await run(plugins, { out: dirs[0] })
    expect((await run(plugins, { out: dirs[1], stopAt: 3 })).after).not.toEqual(whole.after)
    expect((await run(plugins, { out: dirs[1], resume: true })).after).toEqual(whole.after)
    await Promise.all(dirs.map((dir) => rm(dir, { recursive: true })))
  })

  it('FLIP: contrast of masked images, and a tail with whole ones', async () => {
    const tail = unmaskedTail({ ...training, steps: 5, optimizer: { ...training.optimizer, learningRate: 1e-4 } })
    const plugins = [
      randomPatch({ ratio: 0.5 }),
      itc({ width: 8, image: 'masked', imagePooling: 'mean' }),
      mrPretrain({ ...training, objectives: ['itc'] }),
      tail,
    ]
    const { steps } = await run(plugins)
    const [masked, whole] = ['mr-pretrain', 'unmasked-tail'].map((stage) => steps.filter((step) => step.stage === stage))
    expectLearning(masked, ['itc'])
    expect(whole).toHaveLength(5)
  })

  it('the tail sees what CLIP sees of the same tokens', async () => {
    const first = async (plugins: AnyPlugin[]) => (await run(plugins)).steps[0].losses.itc
    const tail = unmaskedTail({ ...training, steps: 1 })
    const flip = await first([randomPatch({ ratio: 0.5 }), itc({ width: 8, image: 'masked', imagePooling: 'mean' }), tail])
    expect(flip).toBeCloseTo(await first([clip(), tail]), 5)
  })

  it('M3AE: a masked image with its text, a masked text with its image, and matching', async () => {
    const plugins = [randomPatch(), textMask({ ratio: 0.4 }), decoder(), mim({ text: 'full', mimLayer: 0 }), mlm({ image: 'full' }), itm()]
    const { steps, trained } = await run([...plugins, mrPretrain({ ...training, steps: 120, objectives: ['mim', 'mlm', 'itm'], weights: { mim: 1, mlm: 1 } })])
    expectLearning(steps, ['mim', 'mlm'])
    for (const { losses } of steps) expect(losses.total).toBeCloseTo(losses.mim + losses.mlm + losses.itm, 4)
    expect(parts(trained)).toEqual(['itm', 'language', 'mim', 'mlm', 'multi', 'vision'])
  })
})
