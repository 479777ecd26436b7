import { isAbsolute, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { UniDiagError } from '@unidiag/core/errors'
import type { AnyPlugin } from '@unidiag/core/plugin'
import { suggest } from '@unidiag/core/suggest'
import { createJiti } from 'jiti'
import type { ConfigItem } from './config-items.js'
import { knownEntries, lastPart } from './known-entries.js'

/** A plugin factory as `definePlugin` makes it. */
type Factory = ((options: unknown) => AnyPlugin) & Pick<AnyPlugin, 'definition'>

/**
 * Imports the entries of a config and makes their plugins.
 * @param from the config file; packages are looked up from there first, then from here
 * @throws UniDiagError PLUGIN_UNKNOWN with every entry that has no plugin
 */
export async function makePlugins(items: readonly ConfigItem[], from: string): Promise<AnyPlugin[]> {
  const faults: string[] = []
  const plugins: AnyPlugin[] = []
  for (const { entry, options, made } of items) {
    if (made) {
      plugins.push(Object.freeze({ definition: made.definition, options }))
      continue
    }
    try {
      const plugin = (await pluginFactory(entry, from))(options)
      // A module of one's own is found again by its path, not by the name it gives itself.
      plugins.push(isAbsolute(entry) ? Object.freeze({ ...plugin, definition: { ...plugin.definition, name: entry } }) : plugin)
    } catch (error) {
      faults.push(`${entry}: ${(error as Error).message}`)
    }
  }
  if (faults.length > 0) throw new UniDiagError('PLUGIN_UNKNOWN', `${from}:\n  ${faults.join('\n  ')}`)
  return plugins
}

/** The one plugin factory that the module of an entry exports. */
export async function pluginFactory(entry: string, from: string): Promise<Factory> {
  // A config may come with weights from elsewhere: what can be named is what is installed or a file, never code in the name itself (`data:` URLs).
  if (!isAbsolute(entry) && !/^(@[\w.-]+\/)?\w[\w./-]*$/.test(entry)) throw new Error('not a package entry or a path')
  const url = isAbsolute(entry) ? pathToFileURL(entry).href : (resolveEntry(entry, resolve(from)) ?? resolveEntry(entry, fileURLToPath(import.meta.url)))
  if (url === undefined) {
    const near = suggest(entry, entry.includes('/') ? knownEntries : knownEntries.map(lastPart))
    throw new Error(`no such package entry${near ? `; did you mean ${near}?` : '; is the package installed?'}`)
  }
  const module = (/\.[cm]?ts$/.test(url) ? await createJiti(import.meta.url).import(fileURLToPath(url)) : await import(url)) as Record<string, unknown>
  const factories = [...new Set(Object.values(module))].filter(isFactory)
  if (factories.length !== 1) throw new Error(`the module exports ${factories.length} plugins; a config needs an entry that exports one`)
  return factories[0]
}

const resolveEntry = (entry: string, from: string): string | undefined => createJiti(from).esmResolve(entry, { try: true })

const isFactory = (value: unknown): value is Factory => typeof value === 'function' && 'definition' in value
