import type { Dataset, Sample } from '@unidiag/core/contracts/dataset'
import type { Metric, Score, Table } from '@unidiag/core/contracts/task'
import { UniDiagError } from '@unidiag/core/errors'
import type { Random } from '@unidiag/core/random'
import { bootstrapIntervals } from './bootstrap.js'
import { type LoadedPairs, loadedPairs } from './loaded-pairs.js'
import { type Ranks, ranks, recallAt, type Shortlists, shortlists } from './recall.js'
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
  readonly twoStage?: TwoStageScores | undefined
}

/** A contrastive shortlist, then fusion. */
export interface TwoStageScores {
  readonly shortlist: number
  /** The other pairs are fused too, so that what the shortlist loses is known. */
  readonly compare: boolean
  /** What the shortlist goes by. */
  readonly by: string
  /** Similarities of each loaded image with all texts. */
  readonly similar: ReadonlyMap<Sample, Float32Array>
}

/**
 * Recall@1/5/10 in both directions, and the mean of both recalls@1, by which weights are selected (reference: objectives.py). Texts whose image could not be
 * loaded are left out. With two stages and a comparison, the metrics are those of all pairs, and a table says how they differ.
 * @param rows scores of each loaded image against `texts`
 * @throws UniDiagError NO_SAMPLES
 */
export function retrievalScore(rows: ReadonlyMap<Sample, Float32Array>, texts: readonly Sample[], o: RetrievalScoreOptions): Score {
  const { dataset, split, samples, random, resamples, twoStage } = o
  const pairs = loadedPairs(rows, texts)
  const { images, kept, owners, matrix } = pairs
  if (kept.length === 0) throw new UniDiagError('NO_SAMPLES', `there is nothing to rank in ${dataset.name}, split ${split}: no image could be loaded`)
  const left = twoStage && leftOver(rows, texts, twoStage)
  const places = [...images.keys()]
  const exact = ranks(matrix, places, owners, twoStage?.compare === false ? left : undefined)
  const shortened = twoStage?.compare ? ranks(matrix, places, owners, left) : undefined

  const statistics = (weights?: ArrayLike<number>): number[] => {
    const all = recalls(exact, owners, weights)
    if (!shortened) return all
    const short = recalls(shortened, owners, weights)
    return [...all, ...short, ...short.map((value, s) => value - all[s])]
  }
  const values = statistics()
  const intervals = bootstrapIntervals(images.length, statistics, random.rng('retrieval', 'bootstrap'), { resamples })
  const metrics: Record<string, Metric> = {}
  for (const [s, name] of names.entries())
    metrics[name] = { value: values[s], interval: intervals[s], n: name.startsWith('image') ? images.length : kept.length }
  return {
    primary: 'mean@1',
    metrics,
    ...(shortened && { tables: { twoStage: comparison(values, intervals) } }),
    credits: { metric: 'textToImage@1', bySample: Object.fromEntries(kept.map((t, i) => [texts[t].id, exact.textToImage[i] <= 1 ? 1 : 0])) },
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
        scored: twoStage?.compare === false ? `the ${twoStage.shortlist} most similar by ${twoStage.by}, through the fusion` : 'every pair through the fusion',
        ...(twoStage &&
          left && { shortlist: twoStage.shortlist, shortlistBy: twoStage.by, shortlistedPairs: countPairs(left, kept.length), ...held(left, pairs) }),
        ties: 'the first of equal scores ranks first',
        chanceAt1: 1 / images.length,
        interval: `95 % percentile bootstrap over images, ${resamples} resamples`,
      },
    },
  }
}

const names = ['mean@1', ...DIRECTIONS.flatMap((direction) => KS.map((k) => `${direction}@${k}`))]

/** In the order of `names`. Texts of an image are drawn together: they stand or fall with it. */
function recalls(found: Ranks, owners: readonly number[], weights: ArrayLike<number> | undefined): number[] {
  const weight = { textToImage: (t: number) => weights?.[owners[t]] ?? 1, imageToText: (i: number) => weights?.[i] ?? 1 }
  const out = DIRECTIONS.flatMap((direction) => KS.map((k) => recallAt(found[direction], k, weight[direction])))
  return [(out[0] + out[KS.length]) / 2, ...out]
}

/** The shortlists of the pairs that were scored. */
function leftOver(rows: ReadonlyMap<Sample, Float32Array>, texts: readonly Sample[], { similar, shortlist }: TwoStageScores): Shortlists {
  const loaded = new Map([...rows.keys()].map((image) => [image, similar.get(image) ?? new Float32Array(texts.length).fill(Number.NEGATIVE_INFINITY)]))
  const { matrix, images, kept } = loadedPairs(loaded, texts)
  return shortlists(matrix, images.length, kept.length, shortlist)
}

function countPairs({ byText, byImage }: Shortlists, texts: number): number {
  const pairs = new Set<number>()
  for (const [t, images] of byText.entries()) for (const i of images) pairs.add(i * texts + t)
  for (const [i, candidates] of byImage.entries()) for (const t of candidates) pairs.add(i * texts + t)
  return pairs.size
}

/** Share of the queries whose match is in their shortlist: no recall can be higher. */
function held({ byText, byImage }: Shortlists, { owners }: LoadedPairs): { textToImageHeld: number; imageToTextHeld: number } {
  const share = (found: readonly boolean[]): number => found.filter(Boolean).length / found.length
  return {
    textToImageHeld: share(byText.map((images, t) => images.includes(owners[t]))),
    imageToTextHeld: share(byImage.map((texts, i) => texts.some((t) => owners[t] === i))),
  }
}

function comparison(values: readonly number[], intervals: readonly (readonly [number, number])[]): Table {
  const [all, short, difference] = [0, 1, 2].map((part) => (s: number) => part * names.length + s)
  return {
    columns: ['recall', 'every pair', 'shortlist', 'difference', 'from', 'to'],
    rows: names.map((name, s) => [name, values[all(s)], values[short(s)], values[difference(s)], ...intervals[difference(s)]]),
  }
}
