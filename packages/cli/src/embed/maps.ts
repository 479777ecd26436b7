import type { Random } from '@unidiag/core/random'
import type { FeatureName } from './features.js'
import type { Matrix } from './matrix.js'
import { tsne } from './tsne.js'
import { umap } from './umap.js'

export const mapMethods = ['tsne', 'umap'] as const
export type MapMethod = (typeof mapMethods)[number]

export interface MapOptions {
  readonly methods: readonly MapMethod[]
  readonly dimensions: readonly (2 | 3)[]
  readonly of: readonly FeatureName[]
  readonly perplexity: number
  readonly iterations: number
  readonly neighbors: number
  readonly minDist: number
  readonly random: Random
  readonly onProgress: (message: string) => void
}

/** A map of features, and how it was made. */
export interface FeatureMap {
  /** `fused_tsne2` */
  readonly name: string
  /** `[N, 2 or 3]` */
  readonly places: Matrix
  readonly made: Readonly<Record<string, string | number>>
}

/** As for the paper's figures; scikit-learn's default. */
const EXAGGERATION = 12
/** Iterations between messages. */
const REPORT_EVERY = 250

/** Every method on every feature in every number of dimensions. A perplexity or neighbourhood that few points cannot have is lowered to what they can. */
export function makeMaps(features: Readonly<Record<FeatureName, Matrix>>, o: MapOptions): FeatureMap[] {
  return o.of.flatMap((of) =>
    o.methods.flatMap((method) =>
      o.dimensions.map((dimensions) => {
        const name = `${of}_${method}${dimensions}`
        return { name, ...makers[method](features[of], name, dimensions, o) }
      }),
    ),
  )
}

type Maker = (points: Matrix, name: string, dimensions: number, o: MapOptions) => Omit<FeatureMap, 'name'>

const makers: Record<MapMethod, Maker> = {
  tsne(points, name, dimensions, { iterations, random, onProgress, ...o }) {
    const perplexity = Math.min(o.perplexity, (pointsIn(points) - 1) / 3)
    const onIteration = (i: number): void => {
      if (i % REPORT_EVERY === 0) onProgress(`${name}: ${i} of ${iterations} iterations`)
    }
    const { map, divergence } = tsne(points, { dimensions, perplexity, iterations, exaggeration: EXAGGERATION, rng: random.rng('embed', name), onIteration })
    return { places: map, made: { method: 't-SNE, exact', perplexity, iterations, exaggeration: EXAGGERATION, seed: random.seed, divergence } }
  },
  umap(points, name, dimensions, { minDist, random, onProgress, ...o }) {
    const neighbors = Math.min(o.neighbors, pointsIn(points) - 1)
    onProgress(`${name}: ${neighbors} neighbours`)
    return {
      places: umap(points, { dimensions, neighbors, minDist, rng: random.rng('embed', name) }),
      made: { method: 'UMAP', neighbors, minDist, seed: random.seed },
    }
  },
}

const pointsIn = ({ data, width }: Matrix): number => data.length / width
