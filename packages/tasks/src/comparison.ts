import type { Rng } from '@unidiag/core/random'
import { bootstrapInterval } from './bootstrap.js'

/** How two models differ on the same samples; credits are 0 or 1. */
export interface PairedComparison {
  readonly n: number
  /** Mean of the second minus mean of the first, and its 95 % interval by a bootstrap over samples. */
  readonly difference: number
  readonly interval: readonly [number, number]
  /** Samples that only one of them gets right. */
  readonly onlyFirst: number
  readonly onlySecond: number
  /** Exact two-sided p-value of McNemar's test. */
  readonly p: number
}

/** Credits of the same samples in the same order. */
export function comparePaired(first: readonly number[], second: readonly number[], rng: Rng, { resamples = 2000 } = {}): PairedComparison {
  const differences = first.map((credit, i) => second[i] - credit)
  const onlyFirst = differences.filter((difference) => difference < 0).length
  const onlySecond = differences.filter((difference) => difference > 0).length
  return {
    n: first.length,
    difference: differences.reduce((a, b) => a + b, 0) / first.length,
    interval: bootstrapInterval(differences, rng, { resamples }),
    onlyFirst,
    onlySecond,
    p: mcNemar(onlyFirst, onlySecond),
  }
}

/**
 * McNemar's test, exact: if both were equally good, which of them is right where one is would be a fair coin.
 * @returns two-sided p-value
 */
export function mcNemar(onlyFirst: number, onlySecond: number): number {
  const n = onlyFirst + onlySecond
  const fewer = Math.min(onlyFirst, onlySecond)
  // Logarithms, because 2^-n underflows.
  let logChoose = 0
  let tail = 0
  for (let k = 0; k <= fewer; k++) {
    tail += Math.exp(logChoose - n * Math.LN2)
    logChoose += Math.log(n - k) - Math.log(k + 1)
  }
  return Math.min(1, 2 * tail)
}
