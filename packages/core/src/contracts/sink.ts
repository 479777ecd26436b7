import type { RunEvent } from '../events.js'
import { token } from '../token.js'

/** Consumes the events of a run (progress bar, event log). A sink never slows or stops a run. */
export interface Sink {
  next(event: RunEvent): void
  close?(): void | Promise<void>
}

export const Sink = token<Sink>('Sink', { arity: 'many' })
