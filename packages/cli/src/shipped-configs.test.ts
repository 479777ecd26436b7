import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { loadConfig } from './config.js'
import { lastPart } from './known-entries.js'
import { shippedConfig, shippedConfigs } from './shipped-configs.js'

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
