import type { Observable } from 'rxjs'
import type { RunEvent } from '../events.js'
import type { RunContext } from '../run-context.js'
import { token } from '../token.js'

/** One phase of a run. `run` is cold: subscribing runs the stage, unsubscribing stops it at the next step boundary. */
export interface Stage {
  readonly name: string
  run(context: RunContext): Observable<RunEvent>
}

export const Stage = token<Stage>('Stage', { arity: 'many' })
