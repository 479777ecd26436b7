import type { Metric, Protocol, Score } from '../contracts/task.js'
import { number, spaced } from './format.js'

/** A score in plain words: one line a metric, and how it was measured. */
export function describeScore({ metrics, primary, protocol }: Score): string[] {
  const names = [primary, ...Object.keys(metrics).filter((name) => name !== primary)]
  return [...names.filter((name) => metrics[name]).map((name) => `${name} ${describeMetric(metrics[name])}`), `measured as: ${describeProtocol(protocol)}`]
}

/** Fractions are shown as percentages. */
function describeMetric({ value, interval, n }: Metric): string {
  const fraction = [value, ...interval].every((x) => x >= 0 && x <= 1)
  const show = (x: number) => (fraction ? (100 * x).toFixed(1) : number(x))
  return `${show(value)}${fraction ? ' %' : ''} (95 % interval ${show(interval[0])} to ${show(interval[1])}, n = ${n})`
}

export function describeProtocol({ task, dataset, synthetic, split, splitHash, samples, lost, details }: Protocol): string {
  const data = `${task} on ${dataset}${synthetic ? ' (synthetic data)' : ''}, split ${split} (${splitHash.slice(0, 12)})`
  const facts = Object.entries(details).map(([name, value]) => `${spaced(name)} ${typeof value === 'number' ? number(value) : value}`)
  return [data, `${samples} scored`, `${lost} lost`, ...facts].join('; ')
}
