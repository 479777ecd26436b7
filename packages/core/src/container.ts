import 'reflect-metadata'
import { type DependencyContainer, container as root } from 'tsyringe'
import { UniDiagError } from './errors.js'
import type { Token } from './token.js'

/**
 * The values of one pipeline by token: a child container of tsyringe. Plugins never see it. tsyringe knows neither asynchronous
 * factories nor an order of disposal, so `compose` sets values up and the pipeline tears them down.
 */
export class Container {
  readonly #child: DependencyContainer = root.createChildContainer()
  readonly #keys = new Map<Token<unknown>, symbol>()

  /** @param value called at every resolution */
  provide<T>(token: Token<T>, value: () => T): void {
    this.#child.register<T>(this.#key(token), { useFactory: value })
  }

  /** @throws UniDiagError PLUGIN_MISSING, PLUGIN_DUPLICATE */
  get<T>(token: Token<T>): T {
    const values = this.getAll(token)
    if (values.length === 1) return values[0]
    if (values.length === 0)
      throw new UniDiagError('PLUGIN_MISSING', `no plugin of the pipeline provides ${token.name}`, { fix: `Add a plugin that provides ${token.name}.` })
    throw new UniDiagError('PLUGIN_DUPLICATE', `${values.length} plugins of the pipeline provide ${token.name}, but one is asked for`, {
      fix: `Ask for all(${token.name}), or for every value with getAll.`,
    })
  }

  /** In the order in which they were provided. */
  getAll<T>(token: Token<T>): readonly T[] {
    const key = this.#key(token)
    return this.#child.isRegistered(key) ? this.#child.resolveAll<T>(key) : []
  }

  clear(): void {
    this.#child.reset()
  }

  #key(token: Token<unknown>): symbol {
    let key = this.#keys.get(token)
    if (!key) {
      key = Symbol(token.name)
      this.#keys.set(token, key)
    }
    return key
  }
}
