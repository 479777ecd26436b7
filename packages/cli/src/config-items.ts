import { basename, dirname, extname, resolve } from 'node:path'
import { UniDiagError } from '@unidiag/core/errors'
import type { AnyPlugin } from '@unidiag/core/plugin'
import { suggest } from '@unidiag/core/suggest'
import { fullEntry } from './known-entries.js'
import { presetFault, presetOptions } from './presets.js'
import { resolvePaths } from './relative-paths.js'

export type Options = Readonly<Record<string, unknown>>

/** One plugin of a config: named by an entry that is still to be imported, or made already (TypeScript configs). */
export type ConfigItem = { readonly entry: string; readonly options: Options; readonly made?: AnyPlugin }

export interface ConfigItems {
  readonly name: string
  readonly seed: number
  readonly out: string | undefined
  readonly plugins: readonly ConfigItem[]
}

const KEYS = ['name', 'seed', 'out', 'preset', 'plugins', 'variant', 'variants', 'versions']

/**
 * Checks the shape of a config and makes its relative paths absolute.
 * @param from the file it came from
 * @param variant in place of the config's own choice
 * @throws UniDiagError OPTION_INVALID with every fault
 */
export function readConfigItems(config: unknown, from: string, variant?: string): ConfigItems {
  const faults: string[] = []
  const folder = dirname(resolve(from))
  const given = isRecord(config) ? config : {}
  if (!isRecord(config)) faults.push('a config is an object with the keys seed, out and plugins')
  for (const key of Object.keys(given)) if (!KEYS.includes(key)) faults.push(unknownKey(key))
  const chosen = chooseVariant(given, variant)
  if (chosen.fault) faults.push(chosen.fault)
  const { name = [defaultName(from), ...(chosen.name ? [chosen.name] : [])].join('-'), seed = 0, out, preset, plugins = [] } = given
  if (typeof name !== 'string' || name === '') faults.push('name: expected a text')
  if (!Number.isSafeInteger(seed) || (seed as number) < 0) faults.push(`seed: expected a whole number from 0, not ${JSON.stringify(seed)}`)
  if (out !== undefined && typeof out !== 'string') faults.push('out: expected the path of a folder')
  const wrongPreset = presetFault(preset)
  if (wrongPreset) faults.push(wrongPreset)
  if (!Array.isArray(plugins)) faults.push('plugins: expected a list')
  else if (plugins.length === 0 && isRecord(config)) faults.push('plugins: the list is missing or empty')
  const read = (list: readonly unknown[], at: string) => list.map((item, i) => readItem(item, `${at}[${i}]`, folder, faults))
  const items = [...read(Array.isArray(plugins) ? plugins : [], 'plugins'), ...read(chosen.plugins, `variants.${chosen.name}`)]
  if (faults.length > 0) throw new UniDiagError('OPTION_INVALID', `${from}:\n  ${faults.join('\n  ')}`)
  const withPreset = (items as ConfigItem[]).map((item) => ({ ...item, options: presetOptions(preset as string | undefined, item.entry, item.options) }))
  return { name: name as string, seed: seed as number, out: resolvePaths(out, folder) as string | undefined, plugins: withPreset }
}

interface Variant {
  readonly name?: string
  readonly plugins: readonly unknown[]
  readonly fault?: string
}

/** The plugins of `variants` that `variant` names: they come after those of `plugins`. */
function chooseVariant({ variant: own, variants }: Record<string, unknown>, override: string | undefined): Variant {
  const name = override ?? own
  if (variants === undefined)
    return { plugins: [], ...(name !== undefined && { fault: `variant: the config has no variants to choose ${JSON.stringify(name)} from` }) }
  if (!isRecord(variants)) return { plugins: [], fault: 'variants: expected lists of plugins by name' }
  const names = Object.keys(variants)
  if (typeof name !== 'string' || !names.includes(name)) {
    const near = suggest(String(name), names)
    return {
      plugins: [],
      fault: `variant: ${name === undefined ? 'choose one' : `there is no ${JSON.stringify(name)}${near ? `; did you mean ${near}?` : ''}`}; there is ${names.join(', ')}`,
    }
  }
  const plugins = variants[name]
  return Array.isArray(plugins) ? { name, plugins } : { plugins: [], fault: `variants.${name}: expected a list of plugins` }
}

function readItem(item: unknown, at: string, folder: string, faults: string[]): ConfigItem | undefined {
  if (typeof item === 'string') return { entry: entryOf(item, folder), options: {} }
  if (isPlugin(item)) return { entry: item.definition.name, options: item.options as Options, made: item }
  const keys = isRecord(item) ? Object.keys(item) : []
  if (keys.length !== 1) {
    faults.push(
      keys.length > 1
        ? `${at}: ${keys.join(', ')} stand side by side; a list item holds one plugin, and its options are indented below its name`
        : `${at}: expected the name of a plugin, or a name with its options`,
    )
    return undefined
  }
  const [entry] = keys
  const options = (item as Options)[entry] ?? {}
  if (!isRecord(options)) {
    faults.push(`${at}: the options of ${entry} are not an object`)
    return undefined
  }
  return { entry: entryOf(entry, folder), options: resolvePaths(options, folder) as Options }
}

/** Modules of one's own become absolute paths, so that the resolved config means the same elsewhere. */
const entryOf = (entry: string, folder: string): string => (/^\.{0,2}\//.test(entry) ? resolve(folder, entry) : fullEntry(entry))

export const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

const isPlugin = (value: unknown): value is AnyPlugin => isRecord(value) && isRecord(value.definition) && 'options' in value

function unknownKey(key: string): string {
  const near = suggest(key, KEYS)
  return `${key}: unknown key${near ? `; did you mean ${near}?` : `; a config has ${KEYS.slice(0, 7).join(', ')}`}`
}

/** `demo` of `examples/demo/unidiag.config.yaml`, `small` of `small.yaml`. */
function defaultName(from: string): string {
  const stem = basename(from, extname(from))
  return stem === 'unidiag.config' || stem === 'config' ? basename(dirname(resolve(from))) : stem
}
