import type { AnyPlugin } from './plugin.js'

/** A typed key under which a plugin provides a value and other plugins ask for it. */
export interface Token<T> {
  readonly name: string
  /** `one` value in a pipeline, or `many` (a list, in the order of composition). */
  readonly arity: 'one' | 'many'
  /** Makes the plugin that provides the token when a pipeline has none. */
  readonly fallback?: () => AnyPlugin
  /** Type only; never present. */
  readonly type?: T
}

/** A need that asks for every value of a `many` token. */
export interface All<T> {
  readonly kind: 'all'
  readonly token: Token<T>
}

/** A need that may stay `undefined`. */
export interface Optional<T> {
  readonly kind: 'optional'
  readonly token: Token<T>
}

export type Need = Token<unknown> | All<unknown> | Optional<unknown>
export type Needs = Readonly<Record<string, Need>>

/** What `setup` receives for a record of needs. */
export type Resolved<N extends Needs> = {
  readonly [K in keyof N]: N[K] extends All<infer T> ? readonly T[] : N[K] extends Optional<infer T> ? T | undefined : N[K] extends Token<infer T> ? T : never
}

/** @example const Scorer = token<Scorer>('Scorer') */
export function token<T>(name: string, options: { arity?: 'one' | 'many'; fallback?: () => AnyPlugin } = {}): Token<T> {
  return Object.freeze({ name, arity: options.arity ?? 'one', ...(options.fallback && { fallback: options.fallback }) })
}

export const all = <T>(of: Token<T>): All<T> => ({ kind: 'all', token: of })
export const optional = <T>(of: Token<T>): Optional<T> => ({ kind: 'optional', token: of })
