import type { StepEvent } from '../events.js'
import { duration, number, numbers } from './format.js'

/** Means over the steps since they were last shown. */
export class StepMeter {
  #steps: StepEvent[] = []
  /** Seconds a step, smoothed over about twenty. */
  #pace: number | undefined

  add(event: StepEvent): void {
    this.#steps.push(event)
    this.#pace = this.#pace === undefined ? event.seconds : 0.95 * this.#pace + 0.05 * event.seconds
  }

  /** `total 1.2, mim 0.4 | k 0.9 | 35 samples/s | 1 min 5 s left`, and starts anew. */
  take(): string {
    const last = this.#steps.at(-1)
    if (!last) return ''
    const samples = this.#steps.reduce((sum, event) => sum + event.samples, 0)
    const seconds = this.#steps.reduce((sum, event) => sum + event.seconds, 0)
    const parts = [
      `loss ${numbers(means(this.#steps.map((event) => event.losses)))}`,
      numbers(means(this.#steps.map((event) => event.coefficients))),
      `${number(Number((samples / Math.max(seconds, 1e-9)).toPrecision(3)))} samples/s`,
      last.step < last.steps ? `${duration((last.steps - last.step) * (this.#pace ?? 0))} left` : '',
    ]
    this.#steps = []
    return parts.filter((part) => part !== '').join(' | ')
  }
}

/** `total` first. */
function means(records: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums = new Map<string, { sum: number; n: number }>()
  for (const record of records)
    for (const [name, value] of Object.entries(record)) {
      const { sum, n } = sums.get(name) ?? { sum: 0, n: 0 }
      sums.set(name, { sum: sum + value, n: n + 1 })
    }
  const total = sums.get('total')
  return Object.fromEntries([...(total ? [['total', total] as const] : []), ...sums].map(([name, { sum, n }]) => [name, sum / n]))
}
