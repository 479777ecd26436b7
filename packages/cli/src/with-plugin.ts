import { backend } from '@unidiag/core/backend/backend'
import type { AnyPlugin } from '@unidiag/core/plugin'

/** The plugins, and this one unless there is one of its entry. */
export function withPlugin(plugins: readonly AnyPlugin[], plugin: AnyPlugin): readonly AnyPlugin[] {
  return plugins.some(({ definition }) => definition.name === plugin.definition.name) ? plugins : [...plugins, plugin]
}

/** The plugins with the tfjs engine that the command line names, if it names one, in place of their own. */
export function withBackend(plugins: readonly AnyPlugin[], name: string | undefined): readonly AnyPlugin[] {
  if (name === undefined) return plugins
  // The schema of the backend plugin reports a name that it does not know.
  const named = backend({ name: name as 'auto' })
  const isEngine = ({ definition }: AnyPlugin) => definition.provides === named.definition.provides
  return plugins.some(isEngine) ? plugins.map((plugin) => (isEngine(plugin) ? named : plugin)) : [...plugins, named]
}
