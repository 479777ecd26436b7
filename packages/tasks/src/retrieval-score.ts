import type { Dataset, Sample } from '@unidiag/core/contracts/dataset'
import type { Metric, Score } from '@unidiag/core/contracts/task'
import { UniDiagError } from '@unidiag/core/errors'
import type { Random } from '@unidiag/core/random'
import { bootstrapIntervals } from './bootstrap.js'
import { ranks, recallAt } from './recall.js'
import { splitHash } from './split-hash.js'

const KS = [1, 5, 10] as const
const DIRECTIONS = ['textToImage', 'imageToText'] as const

export interface RetrievalScoreOptions {
  readonly dataset: Dataset
  readonly split: string
  /** All samples that were to be scored. */
  readonly samples: readonly Sample[]
  readonly random: Random
  readonly resamples: number
}

/**
 * Recall@1/5/10 in both directions, and the mean of both recalls@1, by which weights are selected (reference: objectives.py). Texts whose image could not be
 * loaded are left out.
 * @param rows scores of each loaded image against `texts`
 * @throws UniDiagError NO_SAMPLES
 */
export function retrievalScore(rows: ReadonlyMap<Sample, Float32Array>, texts: readonly Sample[], o: RetrievalScoreOptions): Score {
  const { dataset, split, samples, random, resamples } = o
  const images = [...rows.keys()].map(({ imageId }) => imageId)
  const numbers = new Map(images.map((id, i) => [id, i]))
  const kept = [...texts.keys()].filter((t) => numbers.has(texts[t].imageId))
  if (kept.length === 0) throw new UniDiagError('NO_SAMPLES', `there is nothing to rank in ${dataset.name}, split ${split}: no image could be loaded`)
  const scores = new Float32Array(images.length * kept.length)
  for (const [i, row] of [...rows.values()].entries()) for (const [at, t] of kept.entries()) scores[i * kept.length + at] = row[t]
  const owners = kept.map((t) => numbers.get(texts[t].imageId)!)
  const found = ranks(scores, [...images.keys()], owners)

  // Texts of an image are drawn together: they stand or fall with it.
  const statistics = (weights?: ArrayLike<number>): number[] => {
    const weight = { textToImage: (t: number) => weights?.[owners[t]] ?? 1, imageToText: (i: number) => weights?.[i] ?? 1 }
    const recalls = DIRECTIONS.flatMap((direction) => KS.map((k) => recallAt(found[direction], k, weight[direction])))
    return [(recalls[0] + recalls[KS.length]) / 2, ...recalls]
  }
  const names = ['mean@1', ...DIRECTIONS.flatMap((direction) => KS.map((k) => `${direction}@${k}`))]
  const intervals = bootstrapIntervals(images.length, statistics, random.rng('retrieval', 'bootstrap'), { resamples })
  const metrics: Record<string, Metric> = {}
  for (const [s, value] of statistics().entries())
    metrics[names[s]] = { value, interval: intervals[s], n: names[s].startsWith('image') ? images.length : kept.length }
  return {
    primary: 'mean@1',
    metrics,
    credits: { metric: 'textToImage@1', bySample: Object.fromEntries(kept.map((t, i) => [texts[t].id, found.textToImage[i] <= 1 ? 1 : 0])) },
    protocol: {
      task: 'retrieval',
      dataset: dataset.name,
      synthetic: dataset.synthetic,
      split,
      splitHash: splitHash(dataset.samples(split)),
      samples: kept.length,
      lost: samples.length - kept.length,
      details: {
        images: images.length,
        texts: kept.length,
        pairs: images.length * kept.length,
        scored: 'every pair through the fusion',
        ties: 'the first of equal scores ranks first',
        chanceAt1: 1 / images.length,
        interval: `95 % percentile bootstrap over images, ${resamples} resamples`,
      },
    },
  }
}
