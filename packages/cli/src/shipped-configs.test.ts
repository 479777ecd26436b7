import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { OptimizerOptions } from '@unidiag/core/optim/options'
import { afterEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { loadConfig } from './config.js'
import { lastPart } from './known-entries.js'
import { shippedConfig, shippedConfigs } from './shipped-configs.js'

interface TrainingOptions {
  readonly batchSize: number
  readonly epochs?: number
  readonly steps?: number
  readonly maxLength: number
  readonly augment: boolean
  readonly optimizer: OptimizerOptions
}

const tuned = ['vqa-rad', 'slake', 'vqa-med-2019', 'melinda', 'roco']
const at = process.cwd()
afterEach(() => process.chdir(at))

describe('configs that come with the command', () => {
  it('are the method, its code, and what it is compared with', () => {
    expect([...shippedConfigs].sort()).toEqual(['clip', 'flip', 'm3ae-288', 'mae', 'umd-code', 'umd-paper'])
  })

  const variants = shippedConfigs.flatMap((name) => ['pretrain', ...tuned].map((variant) => [name, variant] as const))
  it.each(variants)('%s, %s: every option is one that its plugin knows, and no path depends on where the command is installed', async (name, variant) => {
    const text = await readFile(shippedConfig(name)!, 'utf8')
    expect(Object.keys(parse(text).variants)).toEqual(['pretrain', ...tuned])
    const config = await loadConfig(name, { set: [`variant=${variant}`] })
    expect(config.name).toBe(`${name}-${variant}`)
    for (const { definition, options } of config.plugins) expect(definition.options.safeParse(options).error?.message, definition.name).toBeUndefined()
    const entries = config.plugins.map(({ definition }) => lastPart(definition.name))
    expect(entries.filter((entry) => tuned.includes(entry) || entry === 'medicat')).toEqual(variant === 'pretrain' ? ['medicat', 'roco'] : [variant])
    expect(JSON.stringify(config.plugins.map(({ options }) => options))).not.toMatch(/"\.{0,2}\//)
    // Tuning begins where pre-training of the same config ends.
    const files = JSON.stringify(config.plugins.find(({ definition }) => lastPart(definition.name) === 'init')!.options)
    if (variant !== 'pretrain') expect(files).toContain(`"runs/${name}-pretrain/last.safetensors"`)
  })

  /** A stage with all its defaults. */
  async function stage(name: string, variant: string, of: string) {
    const { plugins } = await loadConfig(name, { set: [`variant=${variant}`] })
    const { definition, options } = plugins.find((plugin) => lastPart(plugin.definition.name) === of)!
    const { batchSize, epochs, steps, maxLength, augment, optimizer } = definition.options.parse(options) as unknown as TrainingOptions
    const { learningRate, weightDecay, schedule, warmup, accumulate, multiplier } = optimizer
    expect([warmup, multiplier.multiModal]).toEqual([0.1, 5])
    return { samples: batchSize * accumulate, length: epochs ?? steps, maxLength, augment, learningRate, weightDecay, schedule, heads: multiplier.heads }
  }

  it.each(shippedConfigs)('%s pre-trains for 100,000 steps of 256 pairs', async (name) => {
    expect(await stage(name, 'pretrain', 'mr-pretrain')).toEqual({
      samples: 256,
      length: 100_000,
      maxLength: 64,
      augment: false,
      learningRate: 1e-5,
      weightDecay: 0.01,
      schedule: 'linear',
      heads: 5,
    })
  })

  // Samples of a step and epochs of M3AE and of UMD; the paper's learning rate of TD-Calib; the paper's weight decay and schedule of tuning.
  it.each([
    ['vqa-rad', 32, 50, false, [64, 50], [32, 60], [64, 60], 1e-5, 0.1, 'cosine'],
    ['slake', 32, 50, true, [32, 15], [32, 25], [32, 25], 5e-6, 0.01, 'cosine'],
    ['vqa-med-2019', 32, 50, true, [32, 10], [32, 20], [32, 20], 5e-6, 0.1, 'linear'],
    ['melinda', 128, 10, true, [16, 20], [16, 30], [16, 30], 1e-5, 0.01, 'cosine'],
    ['roco', 40, 5, true, [256, 10], [128, 20], [128, 20], 1e-5, 0.1, 'cosine'],
  ] as const)('are tuned on %s as published', async (variant, maxLength, heads, augment, m3ae, calibrated, tuned, rate, weightDecay, schedule) => {
    const all = { maxLength, heads, augment }
    const long = ([samples, length]: readonly [number, number]) => ({ samples, length })
    const paper = { ...all, ...long(tuned), learningRate: 5e-6, weightDecay, schedule }
    for (const name of ['umd-paper', 'mae', 'clip', 'flip']) expect(await stage(name, variant, 'fine-tune'), name).toEqual(paper)
    expect(await stage('umd-paper', variant, 'td-calib')).toEqual({ ...all, ...long(calibrated), learningRate: rate, weightDecay: 0.01, schedule: 'linear' })
    for (const of of ['td-calib', 'fine-tune'])
      expect(await stage('umd-code', variant, of), of).toEqual({
        ...all,
        ...long(of === 'td-calib' ? calibrated : tuned),
        learningRate: 5e-6,
        weightDecay: 0.01,
        schedule: 'cosine',
      })
    expect(await stage('m3ae-288', variant, 'fine-tune')).toEqual({ ...all, ...long(m3ae), learningRate: 5e-6, weightDecay: 0.01, schedule: 'linear' })
  })

  it('give way to a file of that name, and are named where there is none', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'unidiag-shipped-'))
    process.chdir(dir)
    expect(shippedConfig('mae')).toMatch(/mae\.yaml$/)
    await writeFile(join(dir, 'mae'), '')
    expect(shippedConfig('mae')).toBeUndefined()
    await expect(loadConfig('umd-papper')).rejects.toMatchObject({
      code: 'CONFIG_UNREADABLE',
      message: expect.stringContaining('m3ae-288'),
      fix: 'Did you mean umd-paper?',
    })
    process.chdir(at)
    await rm(dir, { recursive: true })
  })
})
