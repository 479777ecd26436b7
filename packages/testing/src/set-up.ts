import type { Plugin } from '@unidiag/core/plugin'

/** The value of one plugin, made with these needs in place of a pipeline's. Options are validated as `compose` does. */
export const setUp = async <T>(plugin: Plugin<T>, needs: Readonly<Record<string, unknown>> = {}): Promise<T> =>
  plugin.definition.setup({ needs: needs as never, options: plugin.definition.options.parse(plugin.options) })
