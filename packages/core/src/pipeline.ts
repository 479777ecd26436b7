import type { Observable } from 'rxjs'
import type { RunEvent } from './events.js'
import type { ResolvedConfig } from './resolved-config.js'
import type { Token } from './token.js'

/** A composition that is set up and ready to run. */
export interface Pipeline {
  readonly config: ResolvedConfig
  /** The value of a token. @throws UniDiagError PLUGIN_MISSING */
  get<T>(token: Token<T>): T
  /** Every value of a token, in the order of composition. */
  getAll<T>(token: Token<T>): readonly T[]
  /** The run, cold: one subscription runs the stages one after another. */
  run(o?: { readonly resume?: boolean }): Observable<RunEvent>
  /** Stops a run at its next step boundary, waits for it, and tears the plugins down in reverse order of set-up. */
  close(): Promise<void>
}
