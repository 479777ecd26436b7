import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { fullEntry, knownEntries, lastPart } from './known-entries.js'
import { pluginFactory } from './plugin-entry.js'

it.each(['encoders', 'pretrain', 'tuning', 'tasks', 'datasets', 'weights'])('knows every plugin entry of @unidiag/%s', async (name) => {
  const { exports } = JSON.parse(readFileSync(new URL(`../../${name}/package.json`, import.meta.url), 'utf8')) as { exports: Record<string, unknown> }
  for (const entry of Object.keys(exports).map((path) => `@unidiag/${name}${path.slice(1)}`)) {
    const factory = await pluginFactory(entry, import.meta.filename).catch(() => undefined)
    if (factory) expect(knownEntries, entry).toContain(entry)
  }
})

it.each(knownEntries)('%s exports one plugin, called by its entry', async (entry) => {
  expect((await pluginFactory(entry, import.meta.filename)).definition.name).toBe(entry)
})

it('gives every entry a last part of its own', () => {
  expect(new Set(knownEntries.map(lastPart)).size).toBe(knownEntries.length)
  expect(fullEntry('clip-vit')).toBe('@unidiag/encoders/clip-vit')
  expect(fullEntry('@me/other')).toBe('@me/other')
})
