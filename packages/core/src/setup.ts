import { Container } from './container.js'
import { UniDiagError } from './errors.js'
import { type Node, setupOrder } from './resolve-plugins.js'
import type { Need, Token } from './token.js'

/** Values of a composition, and how to undo them. */
export interface SetUp {
  readonly container: Container
  /** Tears down in reverse order of set-up, each awaited; one that fails does not keep the others. @throws the first failure */
  teardown(): Promise<void>
}

/** Sets every plugin up, in the order of its needs. When one fails, those before it are torn down again. */
export async function setUp(nodes: readonly Node[]): Promise<SetUp> {
  const order = setupOrder(nodes)
  const container = new Container()
  const values = new Map<Node, unknown>()
  // Registered in order of composition, which is the order that all(token) gives.
  for (const node of nodes) container.provide(node.plugin.definition.provides, () => values.get(node))

  const teardown = async (): Promise<void> => {
    const errors: unknown[] = []
    for (const [node, value] of [...values].reverse()) {
      try {
        await node.plugin.definition.teardown?.(value)
      } catch (error) {
        errors.push(error)
      }
    }
    values.clear()
    container.clear()
    if (errors.length > 0) throw errors[0]
  }

  try {
    for (const node of order) {
      const { definition } = node.plugin
      const needs = Object.fromEntries(Object.entries<Need>(definition.needs ?? {}).map(([key, need]) => [key, resolve(container, need)]))
      values.set(node, await definition.setup({ needs: needs as never, options: node.options }))
    }
    refuseSameNames(nodes, values)
  } catch (error) {
    await teardown().catch(() => {})
    throw error
  }
  return { container, teardown }
}

function resolve(container: Container, need: Need): unknown {
  if (!('kind' in need)) return container.get(need)
  if (need.kind === 'all') return container.getAll(need.token)
  return container.getAll(need.token).length === 0 ? undefined : container.get(need.token)
}

/** Values of a `many` token are told apart by name, in options and in events. */
function refuseSameNames(nodes: readonly Node[], values: ReadonlyMap<Node, unknown>): void {
  const owners = new Map<Token<unknown>, Map<string, string>>()
  for (const node of nodes) {
    const { provides } = node.plugin.definition
    const name = (values.get(node) as { name?: unknown } | undefined)?.name
    if (provides.arity === 'one' || typeof name !== 'string') continue
    const names = owners.get(provides) ?? new Map<string, string>()
    owners.set(provides, names)
    const other = names.get(name)
    if (other !== undefined)
      throw new UniDiagError('PLUGIN_DUPLICATE', `${other} and ${node.name} both provide a ${provides.name} called "${name}"`, {
        fix: other === node.name ? 'Remove one of them, or give one another `name` where it has that option.' : 'Remove one of them.',
      })
    names.set(name, node.name)
  }
}
