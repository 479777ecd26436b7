import { readFileSync } from 'node:fs'
import { clipVit } from '@unidiag/encoders/clip-vit'
import { feaMim } from '@unidiag/pretrain/fea-mim'
import { fineTune } from '@unidiag/tuning/fine-tune'
import { gmCoord } from '@unidiag/tuning/gm-coord'
import { describe, expect, it } from 'vitest'
import { type ConfigItem, readConfigItems } from './config-items.js'
import { knownEntries, lastPart } from './known-entries.js'
import { pluginFactory } from './plugin-entry.js'
import { presets } from './presets.js'

const options = (items: readonly ConfigItem[], plugin: { definition: { name: string } }) => items.find(({ entry }) => entry === plugin.definition.name)?.options
const read = (config: object) => readConfigItems(config, '/tmp/unidiag.config.yaml').plugins

describe('presets', () => {
  it('lie below the options of the config', () => {
    const items = read({
      preset: 'umd-code',
      plugins: ['fea-mim', { 'fine-tune': { pooling: 'first', optimizer: { weightDecay: 0.5 } } }, gmCoord({ beta: 0.2 })],
    })
    expect(options(items, feaMim)).toEqual({ mode: 'code' })
    expect(options(items, fineTune)).toEqual({
      pooling: 'first',
      allowSelectionOnTest: true,
      optimizer: { learningRate: 5e-6, schedule: 'cosine', weightDecay: 0.5 },
    })
    expect(options(items, gmCoord)).toMatchObject({ beta: 0.2, contribution: 'code' })
  })

  it('add no plugin and leave others alone', () => {
    const items = read({ preset: 'umd-code', plugins: [{ 'clip-vit': { imageSize: 64 } }] })
    expect(items).toHaveLength(1)
    expect(options(items, clipVit)).toEqual({ imageSize: 64 })
  })

  it('refuse a name that there is not, with the nearest', () => {
    expect(() => read({ preset: 'umd-coed', plugins: ['mim'] })).toThrow(/did you mean umd-code/)
  })

  it.each(Object.keys(presets))('%s holds options that their plugins know', async (preset) => {
    for (const [entry, given] of Object.entries(presets[preset])) {
      expect(knownEntries).toContain(entry)
      const { definition } = await pluginFactory(entry, import.meta.filename)
      const { error } = definition.options.safeParse(entry.endsWith('vqa-rad') ? { dir: '.', ...given } : given)
      expect(error?.message).toBeUndefined()
    }
  })

  it('are what the feature table says', () => {
    const [table] = readFileSync(new URL('../../../FEATURES.md', import.meta.url), 'utf8').split('\n## ')
    for (const preset of Object.keys(presets)) expect(table).toContain(`preset: ${preset}`)
    for (const [, plugin] of table.matchAll(/`([a-z-]+)\.\w+/g)) expect(['backend', ...knownEntries.map(lastPart)]).toContain(plugin)
  })
})
