import { UniDiagError } from '@unidiag/core/errors'
import { suggest } from '@unidiag/core/suggest'
import { parse } from 'yaml'
import { type ConfigItem, type ConfigItems, isRecord, type Options } from './config-items.js'
import { lastPart } from './known-entries.js'
import { resolvePaths } from './relative-paths.js'

/**
 * Applies `--set path=value`. A path is `seed`, `out`, `name`, or a plugin and a path into its options: `clip-vit.imageSize`. Of several plugins of the same
 * entry, `[...]` chooses one by its option `name` or its position from 0: `synthetic[questions].seed`. Values are YAML; `./` is the working directory.
 * @throws UniDiagError OPTION_INVALID with every fault
 */
export function applyOverrides(config: ConfigItems, overrides: readonly string[]): ConfigItems {
  const faults: string[] = []
  let { name, seed, out } = config
  const plugins = [...config.plugins]
  for (const override of overrides) {
    const split = override.indexOf('=')
    const path = override.slice(0, Math.max(split, 0))
    const fault = (message: string) => faults.push(`--set ${override}: ${message}`)
    let value: unknown
    try {
      if (split < 1) throw new Error('expected path=value')
      value = resolvePaths(parse(override.slice(split + 1)), process.cwd())
    } catch (error) {
      fault((error as Error).message)
      continue
    }
    if (path === 'seed' && Number.isSafeInteger(value) && (value as number) >= 0) seed = value as number
    else if (path === 'seed') fault('a seed is a whole number from 0')
    else if (path === 'out') out = String(value)
    else if (path === 'name') name = String(value)
    else {
      const target = findPlugin(plugins, path)
      if (typeof target === 'string') fault(target)
      else
        try {
          const item = plugins[target.index]
          const options = assign(item.options, target.rest, value)
          if (!isRecord(options)) throw new Error('the options of a plugin are an object')
          plugins[target.index] = { ...item, options }
        } catch (error) {
          fault((error as Error).message)
        }
    }
  }
  if (faults.length > 0) throw new UniDiagError('OPTION_INVALID', faults.join('\n'), { fix: 'Write `--set <plugin>.<option>=<value>`.' })
  return { name, seed, out, plugins }
}

/** The plugin that a path addresses, and the rest of the path; or what is wrong. */
function findPlugin(plugins: readonly ConfigItem[], path: string): { index: number; rest: string[] } | string {
  const names = new Set(plugins.flatMap(({ entry }) => [entry, lastPart(entry)]))
  const name = [...names].filter((n) => path === n || path.startsWith(`${n}.`) || path.startsWith(`${n}[`)).sort((a, b) => b.length - a.length)[0]
  if (name === undefined) {
    const head = path.split(/[.[]/)[0]
    const short = plugins.map(({ entry }) => lastPart(entry))
    const near = suggest(head, ['seed', 'out', 'name', ...short])
    return `the config has no plugin called ${head}; ${near ? `did you mean ${near}?` : `it has ${short.join(', ')}`}`
  }
  const [, selector, tail] = /^(?:\[([^\]]*)\])?(?:\.(.*))?$/.exec(path.slice(name.length)) ?? []
  const rest = tail === undefined ? [] : tail.split('.')
  if (rest.includes('')) return 'the path has an empty part'
  const among = plugins.map((item, index) => ({ item, index })).filter(({ item }) => item.entry === name || lastPart(item.entry) === name)
  const chosen = selector === undefined ? among : among.filter(({ item }, position) => item.options.name === selector || String(position) === selector)
  if (chosen.length === 1) return { index: chosen[0].index, rest }
  const choices = among.map(({ item }, position) => `${name}[${item.options.name ?? position}]`).join(', ')
  return selector === undefined ? `several plugins are called ${name}; use one of ${choices}` : `there is no ${name}[${selector}]; there is ${choices}`
}

function assign(into: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value
  if (Array.isArray(into)) {
    const index = Number(key)
    if (!Number.isInteger(index) || index < 0 || index > into.length) throw new Error(`${key} is not a position in a list of ${into.length}`)
    return Object.assign([...into], { [index]: assign(into[index], rest, value) })
  }
  if (into !== undefined && !isRecord(into)) throw new Error(`${key} is below ${JSON.stringify(into)}, which has no options`)
  return { ...(into as Options | undefined), [key]: assign(into?.[key], rest, value) }
}
