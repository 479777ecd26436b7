import { memory, setBackend } from '@tensorflow/tfjs-core'
import { compose } from '@unidiag/core/compose'
import { describe, expect, it } from 'vitest'
import { loadConfig, prepareConfig } from '../config.js'
import { followRun } from '../follow-run.js'
import { describeDryRun } from './describe-dry-run.js'
import { type DryReport, dryRun } from './dry-run.js'

const dry = async (name: string, ...set: string[]): Promise<DryReport> => dryRun(await loadConfig(name, { set }))

const modules = ({ parameters }: DryReport) => Object.fromEntries(parameters.modules.map(({ module, parameters }) => [module, parameters]))

// Counts of the reference's modules, from the shapes of its state dict.
const encoders = {
  'vision encoder': 79_003_392,
  'text encoder': 124_055_040,
  projections: 1_181_184,
  'type embeddings': 1_536,
  fusion: 113_421_312,
  poolers: 1_181_184,
}
const all = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0)
const heads = { mim_head: 7_911_552, mlm_head: 39_245_913, itm_head: 3_074 }
const POSITIONS = 221_568

/** Relative difference. */
const off = (found: number, expected: number): number => Math.abs(found / expected - 1)

describe('a dry run of', () => {
  it('umd-paper counts what the reference has, its dead weights left out, and what a step takes', async () => {
    const report = await dry('umd-paper')
    expect(modules(report)).toEqual({ ...encoders, ...heads, feai_proj: 295_296, feal_proj: 295_296 })
    expect(report.parameters).toMatchObject({ total: 366_373_211 + POSITIONS, trainable: 366_373_211 })
    const [stage] = report.stages
    expect(stage).toMatchObject({ stage: 'mr-pretrain', batchSize: 8, accumulate: 32, steps: 100_000, trained: 366_373_211, teacher: all(encoders) })
    expect(stage.flopsPerStep).toBeCloseTo(stage.flopsPerSample.total * 256, -9)
    // Weights, gradients, two moments and the teacher in single precision: 7.1 GB.
    const { weights, teacher, optimizer, gradients, activations, peak } = stage.memory
    expect(weights).toBe(4 * report.parameters.total)
    expect(teacher).toBe(4 * 318_843_648)
    expect(gradients).toBe(4 * 366_373_211)
    // Beside the moments, what the stage keeps from step to step.
    expect(off(optimizer, 8 * 366_373_211)).toBeLessThan(1e-6)
    expect(weights + teacher + optimizer + gradients + activations).toBe(peak)
    // Twice the 0.82 GiB that half precision is estimated at, if the passes of matching and of reconstruction were held at once; they are not.
    const ofBoth = activations / 8 / (2 * 0.82 * 2 ** 30)
    expect(ofBoth).toBeGreaterThan(0.6)
    expect(ofBoth).toBeLessThan(0.8)
    expect(report.notes.join('\n')).toMatch(/no weights at weights\/clip-vit-base-patch16\/model.safetensors[\s\S]*no tokenizer at/)
    expect(describeDryRun(report)).toMatch(/fusion +113,421,312[\s\S]*mr-pretrain: 256 samples a step[\s\S]*FLOP the stage +25\.\d E[\s\S]*note: /)
  })

  it('umd-code does the arithmetic that is known of the reference, with the token head on every token', async () => {
    const report = await dry('umd-code', 'mlm.positions=all')
    expect(modules(report)).toEqual({ ...encoders, ...heads, feal_proj: 590_592 })
    const [{ flopsPerSample: flops, teacher }] = report.stages
    expect(teacher).toBe(report.parameters.total)
    expect(off(flops.forward + flops.withoutGradient, 463.3e9)).toBeLessThan(0.001)
    expect(off(flops.withoutGradient, 193.7e9)).toBeLessThan(0.001)
    // Twice the forward passes would be a little more: nothing is differentiated by pixels.
    expect(off(flops.total, 1002.5e9)).toBeLessThan(0.003)
  })

  it('m3ae-288 has smaller images, three passes, and no teacher', async () => {
    const report = await dry('m3ae-288', 'mlm.positions=all')
    expect(modules(report)).toMatchObject({ ...encoders, 'vision encoder': 78_809_856, itm_head: 3_074 })
    const [{ flopsPerSample: flops, memory, teacher }] = report.stages
    expect([teacher, memory.teacher, flops.withoutGradient]).toEqual([0, 0, 0])
    expect(off(flops.forward, 833.3e9 / 3)).toBeLessThan(0.001)
    // Pixels are restored from the third fusion layer: the three above it have no way back in that pass.
    expect(flops.backward / flops.forward).toBeGreaterThan(1.85)
    expect(flops.backward / flops.forward).toBeLessThan(1.9)
  })

  it.each([
    ['mae', { ...encoders, mim_head: 7_911_552 }, all({ v: 79_003_392, m: 7_911_552 }) - POSITIONS, 23.29e9 + 0.68e9 + 10.64e9],
    ['clip', { ...encoders, itc_head: 2 * 768 * 512 + 1 }, 79_003_392 + 124_055_040 + 2 * 768 * 512 + 1, 101.1e9 + 0.68e9 + 11.02e9],
  ])('%s trains encoders only', async (name, counts, trained, forward) => {
    const report = await dry(name)
    expect(modules(report)).toEqual(counts)
    expect(report.stages[0].trained).toBe(trained)
    expect(off(report.stages[0].flopsPerSample.forward, forward)).toBeLessThan(0.001)
  })

  it('flip has a second stage, where nothing is hidden', async () => {
    const { stages } = await dry('flip', 'mr-pretrain.batchSize=16', 'unmasked-tail.batchSize=16')
    const [masked, whole] = stages.map(({ flopsPerSample }) => flopsPerSample.forward)
    expect(stages.map(({ stage, steps }) => [stage, steps])).toEqual([
      ['mr-pretrain', 100_000],
      ['unmasked-tail', 1000],
    ])
    expect(whole / masked).toBeGreaterThan(1.8)
    expect(off(whole, 112.8e9)).toBeLessThan(0.001)
  })

  it.each([
    ['umd-code', 'vqa-rad', { vqa_head: 3_129_330 }, 183.8],
    ['umd-paper', 'slake', { vqa_head: 2_705_118 }, 183.8],
    ['m3ae-288', 'vqa-med-2019', { vqa_head: 2_485_327 }, 183.8],
    ['umd-paper', 'melinda', { cls_head: 2_374_663 }, 214],
    // 16 texts an image, which is encoded once.
    ['mae', 'roco', { irtr_head: 1_537 }, 1440],
  ])('%s tuned on %s has its head', async (name, variant, head, forward) => {
    const report = await dry(name, `variant=${variant}`)
    expect(report.name).toBe(`${name}-${variant}`)
    expect(modules(report)).toMatchObject({ ...encoders, ...head })
    expect(report.stages.map(({ stage }) => stage)).toEqual(name.startsWith('umd') ? ['td-calib', 'fine-tune'] : ['fine-tune'])
    const tuning = report.stages.at(-1)!
    expect(off(tuning.flopsPerSample.forward, forward * 1e9)).toBeLessThan(0.01)
    expect(tuning.trained).toBe(all({ ...encoders, ...head }))
  })

  it('a small config keeps as many bytes from step to step as its run', async () => {
    const config = {
      plugins: [
        { synthetic: { kind: 'captions', size: 16, samples: { train: 16 } } },
        { images: { threads: 1 } },
        { 'trained-bpe': { vocabSize: 300 } },
        { 'clip-vit': { imageSize: 16, patchSize: 8, width: 16, heads: 2, blocks: 2 } },
        { roberta: { vocabSize: 300, width: 16, layers: 1, heads: 2, ffn: 32, maxLength: 16, maxPositions: 18 } },
        { 'co-attention': { width: 16, layers: 1, heads: 2 } },
        { backend: { name: 'cpu' } },
        'random-patch',
        'text-mask',
        { 'mim-decoder': { width: 8, layers: 1, heads: 2 } },
        'mim',
        'mlm',
        'fea-mim',
        'fea-mlm',
        'itm',
        'ema-teacher',
        { 'mr-pretrain': { batchSize: 4, steps: 2 } },
      ],
    }
    const { plugins } = await prepareConfig(config, 'small.yaml')
    const { stages } = await dryRun({ plugins, name: 'small' })
    const pipeline = await compose({ plugins })
    await setBackend('cpu')
    const before = memory().numBytes
    let kept = 0
    await followRun(pipeline, {
      next: ({ type }) => {
        if (type === 'step') kept = memory().numBytes
      },
    })
    const { weights, teacher, optimizer } = stages[0].memory
    expect(kept - before + weights).toBe(weights + teacher + optimizer)
    await pipeline.close()
  })
})

describe('a dry run', () => {
  it('reports faults of the config as a run does', async () => {
    await expect(dry('umd-paper', 'medicat.dri=x', 'mr-pretrain.batchSize=0')).rejects.toThrow(
      /unknown option dri, did you mean dir\?[\s\S]*batchSize: expected number/,
    )
    await expect(dry('umd-paper', 'mr-pretrain.dataset=[medicat, rocco]')).rejects.toThrow('there is no data set "rocco"')
    await expect(dry('umd-paper', 'clip-vit.imageSize=314')).rejects.toMatchObject({ code: 'IMAGE_SIZE' })
    await expect(dry('umd-paper', 'mim.mimLayer=7')).rejects.toThrow('deeper than the fusion of 6 layers')
  })
})
