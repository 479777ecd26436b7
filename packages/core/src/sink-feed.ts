import type { Sink } from './contracts/sink.js'
import type { RunEvent } from './events.js'

/** Hands events to sinks. One that throws is detached, and said so; it never stops a run. */
export class SinkFeed {
  readonly #sinks: Set<Sink>
  #stage = ''

  constructor(sinks: readonly Sink[]) {
    this.#sinks = new Set(sinks)
  }

  /** @returns the event, and a note for each sink that failed on it */
  next(event: RunEvent): RunEvent[] {
    if ('stage' in event) this.#stage = event.stage
    const notes: RunEvent[] = []
    for (const sink of [...this.#sinks]) {
      try {
        sink.next(event)
      } catch (error) {
        this.#sinks.delete(sink)
        notes.push({ type: 'note', stage: this.#stage, message: `a sink failed and was detached: ${reason(error)}` })
      }
    }
    return [event, ...notes.flatMap((note) => this.next(note))]
  }

  /** @returns what went wrong */
  async close(): Promise<RunEvent[]> {
    const notes: RunEvent[] = []
    for (const sink of this.#sinks) {
      try {
        await sink.close?.()
      } catch (error) {
        notes.push({ type: 'note', stage: this.#stage, message: `a sink did not close: ${reason(error)}` })
      }
    }
    this.#sinks.clear()
    return notes
  }
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error))
