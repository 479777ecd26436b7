import type { Pipeline } from './pipeline.js'
import type { AnyPlugin } from './plugin.js'

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
 * @throws UniDiagError OPTION_INVALID, PLUGIN_MISSING, PLUGIN_DUPLICATE, PLUGIN_CYCLE, and what a setup throws
 */
export function compose(_o: ComposeOptions): Promise<Pipeline> {
  throw new Error('not yet')
}
