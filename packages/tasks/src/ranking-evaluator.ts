import type { Dataset, Sample } from '@unidiag/core/contracts/dataset'
import type { Evaluator, Metric, Score } from '@unidiag/core/contracts/task'
import { UniDiagError } from '@unidiag/core/errors'
import type { Random } from '@unidiag/core/random'
import { bootstrapInterval } from './bootstrap.js'
import { splitHash } from './split-hash.js'

/**
 * How well the true text ranks among those drawn at random: what the reference selects weights by, at a fraction of the cost of a recall
 * (reference: objectives.py). `negativeLoss` is minus the cross-entropy; `first` the share of images whose own text beats all others.
 */
export class RankingEvaluator implements Evaluator {
  readonly #candidates: number
  readonly #random: Random
  readonly #resamples: number
  readonly #negativeLoss: number[] = []
  readonly #first: number[] = []

  constructor(candidates: number, random: Random, resamples: number) {
    this.#candidates = candidates
    this.#random = random
    this.#resamples = resamples
  }

  add(logits: Float32Array, samples: readonly Sample[]): void {
    for (let i = 0; i < samples.length; i++) {
      const [own, ...others] = logits.subarray(i * this.#candidates, (i + 1) * this.#candidates)
      const largest = Math.max(own, ...others)
      this.#negativeLoss.push(own - largest - Math.log([own, ...others].reduce((sum, x) => sum + Math.exp(x - largest), 0)))
      this.#first.push(others.every((other) => own > other) ? 1 : 0)
    }
  }

  score({ dataset, split, lost }: { dataset: Dataset; split: string; lost: number }): Score {
    const samples = this.#first.length
    if (samples === 0) throw new UniDiagError('NO_SAMPLES', `there is nothing to rank in ${dataset.name}, split ${split}`)
    return {
      primary: 'negativeLoss',
      metrics: { negativeLoss: this.#mean('negativeLoss', this.#negativeLoss), first: this.#mean('first', this.#first) },
      protocol: {
        task: 'retrieval',
        dataset: dataset.name,
        synthetic: dataset.synthetic,
        split,
        splitHash: splitHash(dataset.samples(split)),
        samples,
        lost,
        details: {
          candidates: this.#candidates,
          drawn: 'one true text, the others at random; no recall',
          interval: `95 % percentile bootstrap over images, ${this.#resamples} resamples`,
        },
      },
    }
  }

  #mean(name: string, values: readonly number[]): Metric {
    const interval = bootstrapInterval(values, this.#random.rng('retrieval', 'bootstrap', name), { resamples: this.#resamples })
    return { value: values.reduce((a, b) => a + b, 0) / values.length, interval, n: values.length }
  }
}
