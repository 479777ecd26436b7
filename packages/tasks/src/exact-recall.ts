import type { Sample } from '@unidiag/core/contracts/dataset'
import type { Score } from '@unidiag/core/contracts/task'
import type { EvaluateOptions } from '@unidiag/core/evaluate'
import type { Parameters } from '@unidiag/core/nn/parameter'
import { type PairScoreOptions, pairScores } from './pair-scores.js'
import { retrievalScore } from './retrieval-score.js'
import { ScoreFile } from './score-file.js'

export interface ExactRecallOptions {
  readonly head: PairScoreOptions['head']
  readonly pairs: number
  readonly parameters: Parameters
  /** Path of a `ScoreFile`. */
  readonly scores: string | undefined
  readonly resamples: number
}

/** Recall over all images and all texts of a split: each distinct image is a candidate once, however many texts it has. */
export async function exactRecall(o: EvaluateOptions, { head, pairs, parameters, scores, resamples }: ExactRecallOptions): Promise<Score> {
  const { dataset, split, pooling, random } = o
  const samples = o.samples ?? dataset.samples(split)
  const isEmpty = ({ text }: Sample): boolean => text.trim() === ''
  for (const { id } of samples.filter(isEmpty)) o.onLost?.({ id, reason: 'the text is empty' })
  const texts = samples.filter((sample) => !isEmpty(sample))
  const first = new Map<string, Sample>()
  for (const sample of texts) if (!first.has(sample.imageId)) first.set(sample.imageId, sample)
  const images = [...first.values()]
  const depends = { texts: texts.map(({ id, imageId, text }) => [id, imageId, text]), pooling, maxLength: o.loader.maxLength ?? o.model.text.maxLength }
  const file = scores === undefined ? undefined : new ScoreFile(scores, parameters, depends)
  // An image that cannot be read takes all of its texts along.
  const onLost: EvaluateOptions['onLost'] = ({ id, reason }) => {
    const { imageId } = images.find((image) => image.id === id)!
    for (const text of texts) if (text.imageId === imageId) o.onLost?.({ id: text.id, reason })
  }
  const rows = await pairScores({ ...o, onLost }, images, texts, { head, pairs, file })
  return retrievalScore(rows, texts, { dataset, split, samples, random, resamples })
}
