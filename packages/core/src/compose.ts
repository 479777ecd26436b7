import { versionsOf } from './package-versions.js'
import { Pipeline } from './pipeline.js'
import type { AnyPlugin } from './plugin.js'
import { resolvePlugins } from './resolve-plugins.js'
import type { ResolvedConfig } from './resolved-config.js'
import { setUp } from './setup.js'

export interface ComposeOptions {
  readonly plugins: readonly AnyPlugin[]
  /** 0 when left out. */
  readonly seed?: number | undefined
  /** Folder of the run; nothing is written when left out. */
  readonly out?: string | undefined
  readonly name?: string | undefined
}

/**
 * Makes a pipeline of plugins: validates all options together, resolves what plugins need, and sets them up in that order.
 * What is composed cannot be changed any more.
 * @throws UniDiagError OPTION_INVALID, PLUGIN_MISSING, PLUGIN_DUPLICATE, PLUGIN_CYCLE, and what a setup throws
 */
export async function compose({ plugins, seed = 0, out, name }: ComposeOptions): Promise<Pipeline> {
  const nodes = resolvePlugins(plugins, seed)
  const listed = nodes.filter((node) => !node.own)
  const config: ResolvedConfig = freeze({
    ...(name !== undefined && { name }),
    seed,
    ...(out !== undefined && { out }),
    plugins: listed.map((node) => ({ [node.name]: JSON.parse(JSON.stringify(node.options)) })),
    versions: versionsOf(listed.map((node) => node.name)),
  })
  return new Pipeline(await setUp(nodes), config)
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) freeze(inner)
  return Object.freeze(value)
}
