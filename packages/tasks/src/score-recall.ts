import type { Sample } from '@unidiag/core/contracts/dataset'
import type { PairVectors } from '@unidiag/core/contracts/objective'
import type { Score } from '@unidiag/core/contracts/task'
import type { EvaluateOptions } from '@unidiag/core/evaluate'
import type { Parameters } from '@unidiag/core/nn/parameter'
import { loadedPairs } from './loaded-pairs.js'
import { type PairScoreOptions, pairScores } from './pair-scores.js'
import { pairSimilarities } from './pair-similarities.js'
import { shortlists } from './recall.js'
import { retrievalScore } from './retrieval-score.js'
import { ScoreFile } from './score-file.js'

export interface RecallOptions {
  readonly head: PairScoreOptions['head']
  readonly pairs: number
  readonly parameters: Parameters
  /** Path of a `ScoreFile`. */
  readonly scores: string | undefined
  readonly resamples: number
  readonly twoStage?: TwoStage | undefined
}

/** A contrastive shortlist, then fusion. */
export interface TwoStage {
  /** Candidates that are left for each query. */
  readonly shortlist: number
  /** Fuses the other pairs all the same, to say what the shortlist loses. */
  readonly compare: boolean
  /** What the shortlist goes by. */
  readonly by: { readonly name: string; readonly vectors: PairVectors }
}

/** Recall over all images and all texts of a split: each distinct image is a candidate once, however many texts it has. */
export async function scoreRecall(o: EvaluateOptions, { head, pairs, parameters, scores, resamples, twoStage }: RecallOptions): Promise<Score> {
  const { dataset, split, pooling, random } = o
  const samples = o.samples ?? dataset.samples(split)
  const isEmpty = ({ text }: Sample): boolean => text.trim() === ''
  for (const { id } of samples.filter(isEmpty)) o.onLost?.({ id, reason: 'the text is empty' })
  const texts = samples.filter((sample) => !isEmpty(sample))
  const first = new Map<string, Sample>()
  for (const sample of texts) if (!first.has(sample.imageId)) first.set(sample.imageId, sample)
  const images = [...first.values()]
  const similar = twoStage && (await pairSimilarities(o, images, texts, twoStage.by.vectors))
  const wanted = similar && !twoStage.compare ? wantedTexts(similar, texts, twoStage.shortlist) : undefined
  const depends = {
    texts: texts.map(({ id, imageId, text }) => [id, imageId, text]),
    pooling,
    maxLength: o.loader.maxLength ?? o.model.text.maxLength,
    ...(wanted && { shortlist: twoStage?.shortlist }),
  }
  const file = scores === undefined ? undefined : new ScoreFile(scores, parameters, depends)
  // An image that cannot be read takes all of its texts along.
  const onLost: EvaluateOptions['onLost'] = ({ id, reason }) => {
    const { imageId } = images.find((image) => image.id === id)!
    for (const text of texts) if (text.imageId === imageId) o.onLost?.({ id: text.id, reason })
  }
  const rows = await pairScores({ ...o, onLost }, images, texts, { head, pairs, file, wanted })
  return retrievalScore(rows, texts, {
    dataset,
    split,
    samples,
    random,
    resamples,
    ...(similar && { twoStage: { ...twoStage, by: twoStage.by.name, similar } }),
  })
}

/** The texts of an image that a shortlist of either direction asks for. */
function wantedTexts(similar: ReadonlyMap<Sample, Float32Array>, texts: readonly Sample[], size: number): (image: Sample) => Int32Array {
  const { kept, images, matrix } = loadedPairs(similar, texts)
  const { byText, byImage } = shortlists(matrix, images.length, kept.length, size)
  const wanted = byImage.map((places) => new Set(places))
  for (const [t, places] of byText.entries()) for (const i of places) wanted[i].add(t)
  const byId = new Map(images.map((image, i) => [image, Int32Array.from(wanted[i], (t) => kept[t]).sort()]))
  return (image) => byId.get(image) ?? new Int32Array(0)
}
