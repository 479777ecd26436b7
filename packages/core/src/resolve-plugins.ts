import { z } from 'zod'
import { Backend } from './backend/backend.js'
import { UniDiagError } from './errors.js'
import { ParameterStore, Parameters } from './nn/parameter.js'
import { checkOptions } from './option-faults.js'
import { type AnyPlugin, definePlugin } from './plugin.js'
import { Random, RandomSource } from './random.js'
import type { Need, Token } from './token.js'

/** A plugin of a composition, with validated options. */
export interface Node {
  readonly name: string
  readonly plugin: AnyPlugin
  readonly options: unknown
  /** True for what core provides by itself: not part of the config. */
  readonly own: boolean
}

const none = z.strictObject({})

/** What core provides: random numbers and the parameter store. The store needs a backend, and so every model does. */
function corePlugins(seed: number): AnyPlugin[] {
  const random = definePlugin({ name: '@unidiag/core/random', provides: RandomSource, options: none, setup: () => new Random(seed) })
  const parameters = definePlugin({
    name: '@unidiag/core/parameters',
    provides: ParameterStore,
    needs: { backend: Backend, random: RandomSource },
    options: none,
    setup: ({ needs }) => new Parameters(needs.random),
    teardown: (store) => store.dispose(),
  })
  return [random(), parameters()]
}

/**
 * Completes a composition with core's own plugins and the fallbacks of tokens, and checks all of it.
 * @returns nodes in order of composition @throws UniDiagError OPTION_INVALID, PLUGIN_DUPLICATE, PLUGIN_MISSING
 */
export function resolvePlugins(plugins: readonly AnyPlugin[], seed: number): Node[] {
  const faults: string[] = []
  const node = (plugin: AnyPlugin, own: boolean): Node => {
    const checked = checkOptions(plugin)
    faults.push(...checked.faults)
    return { name: plugin.definition.name, plugin, options: checked.options, own }
  }
  const nodes = [...corePlugins(seed).map((plugin) => node(plugin, true)), ...plugins.map((plugin) => node(plugin, false))]
  if (faults.length > 0)
    throw new UniDiagError('OPTION_INVALID', `${faults.length === 1 ? 'an option is' : `${faults.length} options are`} wrong:\n  ${faults.join('\n  ')}`)
  refuseDuplicates(nodes)

  const missing: { need: string; by: string; token: Token<unknown> }[] = []
  // The list grows while it is walked: a fallback may need fallbacks.
  for (const { name, plugin } of nodes)
    for (const [need, wanted] of Object.entries<Need>(plugin.definition.needs ?? {})) {
      if ('kind' in wanted || nodes.some((other) => other.plugin.definition.provides === wanted)) continue
      if (wanted.fallback) nodes.push(node(wanted.fallback(), false))
      else missing.push({ need, by: name, token: wanted })
    }
  if (missing.length > 0) throw missingPlugins(missing, nodes)
  return nodes
}

function refuseDuplicates(nodes: readonly Node[]): void {
  const owners = new Map<Token<unknown>, string>()
  for (const { name, plugin } of nodes) {
    const { provides } = plugin.definition
    if (provides.arity === 'many') continue
    const other = owners.get(provides)
    if (other !== undefined)
      throw new UniDiagError('PLUGIN_DUPLICATE', `${other} and ${name} both provide ${provides.name}, of which a pipeline has one`, {
        fix: 'Remove one of them.',
      })
    owners.set(provides, name)
  }
}

function missingPlugins(missing: readonly { need: string; by: string; token: Token<unknown> }[], nodes: readonly Node[]): UniDiagError {
  const lines = missing.map(({ need, by, token }) => `${by} needs ${token.name} (as "${need}"), but no plugin provides it`)
  const twin = missing.find(({ token }) => nodes.some(({ plugin }) => plugin.definition.provides.name === token.name))
  return new UniDiagError('PLUGIN_MISSING', lines.join('\n'), {
    fix: twin
      ? `A plugin provides another token called ${twin.token.name}: two copies of the package that defines it are loaded. Install it once.`
      : `Add to the pipeline: ${[...new Set(missing.map(({ token }) => `a plugin that provides ${token.name}`))].join(', ')}.`,
  })
}

/** Nodes in order of set-up: what is needed first, else as composed. @throws UniDiagError PLUGIN_CYCLE */
export function setupOrder(nodes: readonly Node[]): Node[] {
  const order = new Set<Node>()
  const visit = (node: Node, path: readonly Node[]): void => {
    if (order.has(node)) return
    const seen = path.indexOf(node)
    if (seen >= 0) throw new UniDiagError('PLUGIN_CYCLE', `plugins need each other in a circle: ${[...path.slice(seen), node].map((n) => n.name).join(' -> ')}`)
    for (const need of Object.values<Need>(node.plugin.definition.needs ?? {})) {
      const token = 'kind' in need ? need.token : need
      for (const other of nodes) if (other.plugin.definition.provides === token) visit(other, [...path, node])
    }
    order.add(node)
  }
  for (const node of nodes) visit(node, [])
  return [...order]
}
