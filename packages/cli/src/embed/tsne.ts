import { UniDiagError } from '@unidiag/core/errors'
import type { Rng } from '@unidiag/core/random'
import { jointProbabilities } from './affinities.js'
import type { Matrix } from './matrix.js'

export interface TsneOptions {
  readonly dimensions: number
  /** How many neighbours a point has, roughly. */
  readonly perplexity: number
  readonly iterations: number
  /** How much larger the probabilities are in the first quarter of the iterations. */
  readonly exaggeration: number
  readonly rng: Rng
  readonly onIteration?: ((iteration: number) => void) | undefined
}

export interface TsneMap {
  /** `[N, dimensions]` */
  readonly map: Matrix
  /** How badly the map shows the points, nats; what t-SNE makes small. */
  readonly divergence: number
}

/** More pairs than this take more memory and time than a figure is worth. */
export const MOST_POINTS = 10_000

const START_DEVIATION = 1e-4
const LEAST_RATE = 50
const MOMENTUM = { early: 0.5, late: 0.8 } as const
const LEAST_GAIN = 0.01

/**
 * t-distributed stochastic neighbour embedding (van der Maaten & Hinton, JMLR 2008), exact: every pair counts. The learning rate is N / exaggeration / 4
 * (Belkina et al., Nature Communications 2019), 50 at least. The same points and random numbers give the same map.
 * @throws UniDiagError OPTION_INVALID for more than 10,000 points
 */
export function tsne(points: Matrix, { dimensions, perplexity, iterations, exaggeration, rng, onIteration }: TsneOptions): TsneMap {
  const n = points.data.length / points.width
  if (n > MOST_POINTS)
    throw new UniDiagError('OPTION_INVALID', `t-SNE compares every pair, and ${n} points are more than ${MOST_POINTS}`, {
      fix: `Embed fewer (\`--limit ${MOST_POINTS}\`), or make maps by UMAP only (\`--maps umap\`).`,
    })
  const joint = jointProbabilities(points, perplexity)
  const places = Float64Array.from(rng.normals(n * dimensions), (value) => START_DEVIATION * value)
  const velocity = new Float64Array(places.length)
  const gains = new Float64Array(places.length).fill(1)
  const rate = Math.max(n / exaggeration / 4, LEAST_RATE)
  for (let iteration = 0; iteration < iterations; iteration++) {
    const early = iteration < iterations / 4
    const slope = gradient(joint, places, dimensions, early ? exaggeration : 1)
    for (let k = 0; k < places.length; k++) {
      gains[k] = Math.max(LEAST_GAIN, slope[k] * velocity[k] < 0 ? gains[k] + 0.2 : gains[k] * 0.8)
      velocity[k] = (early ? MOMENTUM.early : MOMENTUM.late) * velocity[k] - rate * gains[k] * slope[k]
      places[k] += velocity[k]
    }
    onIteration?.(iteration + 1)
  }
  return { map: { width: dimensions, data: Float32Array.from(places) }, divergence: divergence(joint, places, dimensions) }
}

/** Gradient of the divergence by place (Eq. 5), with the probabilities of the data times `factor`. */
function gradient(joint: Float32Array, places: Float64Array, dimensions: number, factor: number): Float64Array {
  const n = places.length / dimensions
  const attracted = new Float64Array(places.length)
  const repelled = new Float64Array(places.length)
  let total = 0
  let pair = 0
  for (let i = 0; i < n; i++)
    for (let j = i + 1; j < n; j++, pair++) {
      let distance = 1
      for (let k = 0; k < dimensions; k++) distance += (places[i * dimensions + k] - places[j * dimensions + k]) ** 2
      const near = 1 / distance
      total += 2 * near
      const [pull, push] = [joint[pair] * near, near * near]
      for (let k = 0; k < dimensions; k++) {
        const way = places[i * dimensions + k] - places[j * dimensions + k]
        attracted[i * dimensions + k] += pull * way
        attracted[j * dimensions + k] -= pull * way
        repelled[i * dimensions + k] += push * way
        repelled[j * dimensions + k] -= push * way
      }
    }
  return attracted.map((value, at) => 4 * (factor * value - repelled[at] / total))
}

/** The Kullback-Leibler divergence of a map from the probabilities of its points (Eq. 2). */
function divergence(joint: Float32Array, places: Float64Array, dimensions: number): number {
  const n = places.length / dimensions
  let [known, total, pair] = [0, 0, 0]
  for (let i = 0; i < n; i++)
    for (let j = i + 1; j < n; j++, pair++) {
      let distance = 1
      for (let k = 0; k < dimensions; k++) distance += (places[i * dimensions + k] - places[j * dimensions + k]) ** 2
      total += 2 / distance
      const p = joint[pair]
      if (p > 0) known += 2 * p * Math.log(p * distance)
    }
  return known + Math.log(total)
}
