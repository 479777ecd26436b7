import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { Sink } from '../contracts/sink.js'
import type { RunEvent } from '../events.js'
import { definePlugin } from '../plugin.js'

/** Writes every event of a run as a line of JSON to `<out>/events.jsonl`; a resumed run appends. */
export const jsonl = definePlugin({
  name: '@unidiag/core/sinks/jsonl',
  provides: Sink,
  options: z.strictObject({ file: z.string().min(1).default('events.jsonl') }),
  setup: ({ options }): Sink => new JsonLines(options.file),
})

class JsonLines implements Sink {
  readonly #name: string
  #file: number | undefined

  constructor(name: string) {
    this.#name = name
  }

  next(event: RunEvent): void {
    if (event.type === 'run-start' && event.out !== '') {
      this.close()
      mkdirSync(event.out, { recursive: true })
      this.#file = openSync(join(event.out, this.#name), event.resumed ? 'a' : 'w')
    }
    // Written at once: a killed run has told everything up to then.
    if (this.#file !== undefined) writeSync(this.#file, `${JSON.stringify(event)}\n`)
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }
}
