import type { z } from 'zod'
import type { Needs, Resolved, Token } from './token.js'

/** What a plugin author writes. `O` is the schema of the options, `N` the needs, `T` the value provided. */
export interface PluginDefinition<T, O extends z.ZodType, N extends Needs> {
  /** The package entry that exports the plugin, e.g. `@unidiag/encoders/clip-vit`; config files use the same name. */
  readonly name: string
  readonly provides: Token<T>
  readonly needs?: N
  /** A zod schema; use `z.strictObject` so that unknown keys are reported. */
  readonly options: O
  /** Makes the value. Receives exactly what `needs` asks for and the validated options. May be async. */
  setup(context: { readonly needs: Resolved<N>; readonly options: z.output<O> }): T | Promise<T>
  /** Undoes `setup`; called in reverse order of set-up and awaited. */
  teardown?(value: T): void | Promise<void>
}

/** A plugin with its (not yet validated) options: plain data that `compose` takes. */
export interface Plugin<T> {
  readonly definition: PluginDefinition<T, z.ZodType, Needs>
  readonly options: unknown
}
// biome-ignore lint/suspicious/noExplicitAny: a list of plugins holds values of every type
export type AnyPlugin = Plugin<any>

/** Makes a plugin of its options; carries its definition so that config files can find it. */
export interface PluginFactory<T, O extends z.ZodType> {
  (...options: {} extends z.input<O> ? [options?: z.input<O>] : [options: z.input<O>]): Plugin<T>
  readonly definition: PluginDefinition<T, O, Needs>
}

/**
 * Defines a plugin: a value made by a factory with options.
 *
 * @example
 * export const clip = definePlugin({
 *   name: '@me/clip',
 *   provides: GradientTransform,
 *   options: z.strictObject({ max: z.number().positive().default(1) }),
 *   setup: ({ options }) => clipByNorm(options.max),
 * })
 */
export function definePlugin<T, O extends z.ZodType, const N extends Needs = {}>(definition: PluginDefinition<T, O, N>): PluginFactory<T, O> {
  const erased = definition as unknown as PluginDefinition<T, O, Needs>
  const factory = (options?: unknown) => Object.freeze({ definition: erased, options: options ?? {} })
  return Object.assign(factory, { definition: erased }) as unknown as PluginFactory<T, O>
}
