import type { Dataset, Sample } from '@unidiag/core/contracts/dataset'
import type { Evaluator, Metric, Score } from '@unidiag/core/contracts/task'
import { UniDiagError } from '@unidiag/core/errors'
import type { Random } from '@unidiag/core/random'
import { type AnswerVocabulary, normalizedAnswers } from './answer-vocabulary.js'
import { argmax } from './argmax.js'
import { bootstrapInterval, bootstrapIntervals } from './bootstrap.js'
import { breakdown } from './breakdown.js'
import { CALIBRATION_BINS, expectedCalibrationError } from './calibration.js'
import { softmax } from './softmax.js'
import { splitHash } from './split-hash.js'

interface Judged {
  readonly sample: Sample
  readonly type: 'open' | 'closed' | undefined
  readonly correct: boolean
  /** Softmax of the logits at the given answer. */
  readonly confidence: number
  readonly producible: boolean
  readonly accepted: readonly string[]
}

const SUBSETS = ['overall', 'open', 'closed'] as const

/**
 * Accuracy of the answer with the highest logit, over all questions and over open and closed ones (reference: make_arrow.py, my_metrics.py). Any accepted answer counts;
 * a question whose answers are all outside the vocabulary is wrong.
 */
export class VqaEvaluator implements Evaluator {
  readonly #vocabulary: AnswerVocabulary
  readonly #random: Random
  readonly #resamples: number
  readonly #judged: Judged[] = []
  #unlabelled = 0

  constructor(vocabulary: AnswerVocabulary, random: Random, resamples: number) {
    this.#vocabulary = vocabulary
    this.#random = random
    this.#resamples = resamples
  }

  add(logits: Float32Array, samples: readonly Sample[]): void {
    const outputs = this.#vocabulary.size
    samples.forEach((sample, i) => {
      const accepted = normalizedAnswers(sample)
      if (accepted.length === 0) {
        this.#unlabelled++
        return
      }
      const labels = this.#vocabulary.labels(sample)
      const probabilities = softmax(logits.subarray(i * outputs, (i + 1) * outputs))
      const given = argmax(probabilities)
      const confidence = probabilities[given]
      this.#judged.push({ sample, type: sample.answerType, correct: labels.includes(given), confidence, producible: labels.length > 0, accepted })
    })
  }

  score({ dataset, split, lost }: { dataset: Dataset; split: string; lost: number }): Score {
    if (this.#judged.length === 0)
      throw new UniDiagError('NO_SAMPLES', `there is nothing to score in ${dataset.name}, split ${split}: no question with an answer could be loaded`)
    const { answers, source, majority, outside } = this.#vocabulary.state
    const metrics: Record<string, Metric> = {}
    const baselines: Record<string, string | number> = {}
    for (const subset of SUBSETS) {
      const of = this.#judged.filter(({ type }) => subset === 'overall' || type === subset)
      if (of.length === 0) continue
      metrics[subset] = this.#accuracy(subset, of)
      const guess = majority[subset]
      if (guess === undefined) continue
      baselines[`${subset}MajorityAnswer`] = guess
      baselines[`${subset}MajorityAccuracy`] = share(of, ({ accepted }) => accepted.includes(guess))
    }
    const credits = this.#judged.map(({ correct }) => (correct ? 1 : 0))
    metrics.ece = this.#calibrationError(credits)
    const byField = breakdown(
      this.#judged.map(({ sample }) => sample),
      credits,
      (of, name) => bootstrapInterval(of, this.#random.rng('vqa', 'bootstrap', name), { resamples: this.#resamples }),
    )
    return {
      primary: 'overall',
      metrics,
      ...(byField && { tables: { byField } }),
      credits: { metric: 'overall', bySample: Object.fromEntries(this.#judged.map(({ sample }, i) => [sample.id, credits[i]])) },
      protocol: {
        task: 'vqa',
        dataset: dataset.name,
        synthetic: dataset.synthetic,
        split,
        splitHash: splitHash(dataset.samples(split)),
        samples: this.#judged.length,
        lost,
        details: {
          vocabularySize: answers.length,
          vocabularySource: source,
          unproducibleShare: share(this.#judged, ({ producible }) => !producible),
          questionsOutsideVocabulary: Object.entries(outside)
            .map(([name, count]) => `${name} ${count}`)
            .join(', '),
          calibration: `ece over ${CALIBRATION_BINS} bins of the softmax of the logits`,
          interval: `95 % percentile bootstrap over questions, ${this.#resamples} resamples`,
          ...baselines,
          ...(this.#unlabelled > 0 && { withoutAnswer: this.#unlabelled }),
        },
      },
    }
  }

  #calibrationError(credits: readonly number[]): Metric {
    const confidences = this.#judged.map(({ confidence }) => confidence)
    const statistics = (weights?: ArrayLike<number>): number[] => [expectedCalibrationError(confidences, credits, weights)]
    const [interval] = bootstrapIntervals(credits.length, statistics, this.#random.rng('vqa', 'bootstrap', 'ece'), { resamples: this.#resamples })
    return { value: statistics()[0], interval, n: credits.length }
  }

  #accuracy(subset: string, of: readonly Judged[]): Metric {
    const credits = of.map(({ correct }) => (correct ? 1 : 0))
    const interval = bootstrapInterval(credits, this.#random.rng('vqa', 'bootstrap', subset), { resamples: this.#resamples })
    return { value: share(of, ({ correct }) => correct), interval, n: of.length }
  }
}

const share = <T>(of: readonly T[], is: (item: T) => boolean): number => of.filter(is).length / of.length
