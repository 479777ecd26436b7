import cliProgress, { type Bar, type MultiBar } from 'cli-progress'
import { z } from 'zod'
import { Sink } from '../contracts/sink.js'
import type { RunEvent, StepEvent } from '../events.js'
import { definePlugin } from '../plugin.js'
import { describeEvent } from './describe-event.js'
import { StepMeter } from './step-meter.js'

const options = z.strictObject({
  /** `auto`: a bar on a terminal, plain lines elsewhere. */
  style: z.enum(['auto', 'bar', 'lines']).default('auto'),
  /** Plain lines: one after this share of a stage's steps, or after so many seconds, whichever comes first. */
  everyShare: z.number().positive().max(1).default(0.05),
  everySeconds: z.number().positive().default(10),
})

/** Shows a run on standard output: losses, throughput, time left and the coefficients of gradient transforms. */
export const progress = definePlugin({
  name: '@unidiag/core/sinks/progress',
  provides: Sink,
  options,
  setup: ({ options }): Sink => new Progress(process.stdout, options),
})

export class Progress implements Sink {
  readonly #stream: NodeJS.WritableStream
  readonly #options: z.output<typeof options>
  readonly #now: () => number
  readonly #bars: boolean
  #meter = new StepMeter()
  #bar: { readonly all: MultiBar; readonly one: Bar } | undefined
  #shown = { step: 0, at: 0 }

  /** @param now milliseconds */
  constructor(stream: NodeJS.WritableStream & { isTTY?: boolean }, chosen: z.input<typeof options> = {}, now: () => number = Date.now) {
    this.#stream = stream
    this.#options = options.parse(chosen)
    this.#now = now
    this.#bars = this.#options.style === 'bar' || (this.#options.style === 'auto' && stream.isTTY === true)
  }

  next(event: RunEvent): void {
    if (event.type === 'step') this.#step(event)
    if (event.type === 'stage-end') this.close()
    for (const line of describeEvent(event)) this.#write(line)
    if (event.type !== 'stage-start') return
    this.#meter = new StepMeter()
    this.#shown = { step: event.resumedAt, at: this.#now() }
    if (this.#bars && event.resumedAt < event.steps) this.#bar = createBar(this.#stream, event)
  }

  close(): void {
    this.#bar?.all.update()
    this.#bar?.all.stop()
    this.#bar = undefined
  }

  #step(event: StepEvent): void {
    this.#meter.add(event)
    if (this.#bar) {
      this.#bar.one.update(event.step, { text: this.#meter.take() })
      return
    }
    const due = event.step - this.#shown.step >= this.#options.everyShare * event.steps || this.#now() - this.#shown.at >= 1000 * this.#options.everySeconds
    if (!due && event.step !== 1 && event.step !== event.steps) return
    this.#shown = { step: event.step, at: this.#now() }
    this.#write(`${event.stage} ${event.step}/${event.steps}: ${this.#meter.take()}`)
  }

  #write(line: string): void {
    if (this.#bar) this.#bar.all.log(`${line}\n`)
    else this.#stream.write(`${line}\n`)
  }
}

function createBar(stream: NodeJS.WritableStream, { stage, steps, resumedAt }: { stage: string; steps: number; resumedAt: number }) {
  const all = new cliProgress.MultiBar({
    format: '{stage} {bar} {value}/{total} {text}',
    stream,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 20,
    hideCursor: true,
  })
  return { all, one: all.create(steps, resumedAt, { stage, text: '' }) }
}
