import type { Rng } from '@unidiag/core/random'

/**
 * Percentile bootstrap interval of a mean (Efron 1979): means of resamples drawn with replacement, between the quantiles that leave
 * `(1 - level) / 2` on each side.
 */
export function bootstrapInterval(values: readonly number[], rng: Rng, { resamples = 2000, level = 0.95 } = {}): [number, number] {
  const n = values.length
  const means = new Float64Array(resamples)
  for (let r = 0; r < resamples; r++) {
    let sum = 0
    for (let i = 0; i < n; i++) sum += values[rng.int(n)]
    means[r] = sum / n
  }
  means.sort()
  const tail = (1 - level) / 2
  return [quantile(means, tail), quantile(means, 1 - tail)]
}

/**
 * Percentile bootstrap intervals of several statistics of the same samples, e.g. of metrics that are no means. A resample on which a statistic
 * is NaN does not count for it.
 * @param statistics of `n` samples, each of which counts `weights[i]` times
 */
export function bootstrapIntervals(
  n: number,
  statistics: (weights: Int32Array) => readonly number[],
  rng: Rng,
  { resamples = 2000, level = 0.95 } = {},
): [number, number][] {
  const drawn: number[][] = []
  const weights = new Int32Array(n)
  for (let r = 0; r < resamples; r++) {
    weights.fill(0)
    for (let i = 0; i < n; i++) weights[rng.int(n)]++
    for (const [s, value] of statistics(weights).entries()) {
      drawn[s] ??= []
      if (!Number.isNaN(value)) drawn[s].push(value)
    }
  }
  const tail = (1 - level) / 2
  return drawn.map((values) => {
    const sorted = Float64Array.from(values).sort()
    return [quantile(sorted, tail), quantile(sorted, 1 - tail)]
  })
}

/** Linear interpolation between the order statistics. */
function quantile(sorted: Float64Array, p: number): number {
  const at = p * (sorted.length - 1)
  const below = Math.floor(at)
  const above = Math.min(below + 1, sorted.length - 1)
  return sorted[below] + (at - below) * (sorted[above] - sorted[below])
}
