import type { Score } from '@unidiag/core/contracts/task'

/** A score as lines of text: what was measured on what, each metric with its interval, and the protocol. */
export function formatScore({ metrics, protocol }: Score): string {
  const { task, dataset, synthetic, split, splitHash, samples, lost, details } = protocol
  const width = Math.max(...Object.keys(metrics).map((name) => name.length))
  const facts = { samples, lost, splitSha256: splitHash.slice(0, 16), ...details }
  const label = Math.max(...Object.keys(facts).map((name) => words(name).length))
  return [
    `${task} on ${dataset}${synthetic ? ' (synthetic data)' : ''}, split ${split}`,
    ...Object.entries(metrics).map(
      ([name, { value, interval, n }]) => `  ${name.padEnd(width)}  ${number(value)}  95 % interval ${interval.map(number).join(' to ')}  n ${n}`,
    ),
    ...Object.entries(facts).map(
      ([name, value]) => `  ${words(name).padEnd(label)}  ${typeof value === 'number' && !Number.isInteger(value) ? number(value) : value}`,
    ),
  ].join('\n')
}

const number = (value: number): string => value.toFixed(4)

/** `vocabularySize` to `vocabulary size`. */
const words = (name: string): string => name.replace(/[A-Z0-9]+/g, (part) => ` ${part.toLowerCase()}`)
