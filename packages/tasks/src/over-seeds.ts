/** 97.5 % quantiles of Student's t for 1 to 30 degrees of freedom. */
const T975 = [
  12.7062, 4.30265, 3.18245, 2.77645, 2.57058, 2.44691, 2.36462, 2.306, 2.26216, 2.22814, 2.20099, 2.17881, 2.16037, 2.14479, 2.13145, 2.11991, 2.10982,
  2.10092, 2.09302, 2.08596, 2.07961, 2.07387, 2.06866, 2.0639, 2.05954, 2.05553, 2.05183, 2.04841, 2.04523, 2.04227,
]

/** A metric over runs that differ in their seed only. */
export interface OverSeeds {
  readonly n: number
  readonly mean: number
  /** With n - 1 in the denominator; NaN for one run. */
  readonly deviation: number
  /** 95 % interval of the mean by Student's t; NaN for one run. */
  readonly interval: readonly [number, number]
}

export function overSeeds(values: readonly number[]): OverSeeds {
  const n = values.length
  const mean = values.reduce((a, b) => a + b, 0) / n
  const deviation = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (n - 1))
  const freedom = n - 1
  // Beyond the table the first terms of the Cornish-Fisher expansion are exact to four digits.
  const t = T975[freedom - 1] ?? 1.959964 + 2.37227 / freedom + 2.8225 / freedom ** 2
  const half = (t * deviation) / Math.sqrt(n)
  return { n, mean, deviation, interval: [mean - half, mean + half] }
}
