import { describeScore } from '@unidiag/core/sinks/describe-score'
import type { RunComparison } from './compare-runs.js'

/** A comparison in plain words. */
export function describeComparison({ protocol, runs, overSeeds, paired }: RunComparison): string[] {
  const { task, dataset, synthetic, split, splitHash, samples } = protocol
  const scores = runs.flatMap(({ folder, seed, primary, metrics }) => {
    // The last line is the protocol, which stands above them all.
    const lines = describeScore({ primary, metrics, protocol }).slice(0, -1)
    return ['', `${folder} (seed ${seed})`, ...lines.map((line) => `  ${line}`)]
  })
  const seeds = overSeeds.flatMap(({ folders, seeds, metrics }) => [
    '',
    `${folders.join(', ')}: one config, seeds ${seeds.join(', ')}`,
    ...Object.entries(metrics).map(([name, { mean, deviation, interval }]) => {
      // A metric that is no share, such as a loss, keeps its size.
      const [m, d, low, high] = [mean, deviation, ...interval].map((x) => (mean >= 0 && mean <= 1 ? `${(100 * x).toFixed(1)} %` : x.toPrecision(4)))
      return `  ${name} mean ${m}, standard deviation ${d}, 95 % interval of the mean ${low} to ${high} (Student's t)`
    }),
  ])
  const pairs = paired.flatMap(({ first, second, metric, n, difference, interval: [low, high], onlyFirst, onlySecond, p }) => [
    '',
    `${second} against ${first}, sample by sample`,
    `  ${metric} ${points(difference)} points (95 % interval ${points(low)} to ${points(high)}, paired bootstrap, n = ${n})`,
    `  right only in ${second}: ${onlySecond}, only in ${first}: ${onlyFirst}; exact p of McNemar's test ${p < 1e-4 ? p.toExponential(1) : p.toFixed(4)}`,
  ])
  const scored = `${task} on ${dataset}${synthetic ? ' (synthetic data)' : ''}, split ${split} (${splitHash.slice(0, 12)}), ${samples} scored`
  return [scored, ...scores, ...seeds, ...pairs]
}

const points = (x: number): string => `${x < 0 ? '-' : '+'}${Math.abs(100 * x).toFixed(1)}`
