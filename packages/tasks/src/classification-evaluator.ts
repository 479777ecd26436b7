import type { Dataset, Sample } from '@unidiag/core/contracts/dataset'
import type { Evaluator, Metric, Score, Table } from '@unidiag/core/contracts/task'
import { UniDiagError } from '@unidiag/core/errors'
import type { Random } from '@unidiag/core/random'
import { argmax } from './argmax.js'
import { bootstrapIntervals } from './bootstrap.js'
import type { ClassList } from './class-list.js'
import { classRates, confusionMatrix, macroRates, OneVsRestAuc, rateNames } from './class-metrics.js'
import { softmax } from './softmax.js'
import { splitHash } from './split-hash.js'

/** Metrics in the order in which they are computed and shown. */
const names = ['accuracy', 'auc', ...rateNames] as const

/**
 * Accuracy, macro one-vs-rest AUC and macro rates of the class with the highest logit (reference: objectives.py, my_metrics.py), a table by class and the confusion matrix.
 * A label that the head cannot give is a class of its own that is never predicted.
 */
export class ClassificationEvaluator implements Evaluator {
  readonly #classes: ClassList
  readonly #random: Random
  readonly #resamples: number
  readonly #ids: string[] = []
  readonly #truth: string[] = []
  readonly #predicted: number[] = []
  readonly #probabilities: number[] = []
  #unlabelled = 0

  constructor(classes: ClassList, random: Random, resamples: number) {
    this.#classes = classes
    this.#random = random
    this.#resamples = resamples
  }

  add(logits: Float32Array, samples: readonly Sample[]): void {
    const outputs = this.#classes.size
    for (const [i, sample] of samples.entries()) {
      const label = this.#classes.label(sample)
      if (label === undefined) {
        this.#unlabelled++
        continue
      }
      const row = logits.subarray(i * outputs, (i + 1) * outputs)
      this.#ids.push(sample.id)
      this.#truth.push(label)
      this.#predicted.push(argmax(row))
      this.#probabilities.push(...softmax(row))
    }
  }

  score({ dataset, split, lost }: { dataset: Dataset; split: string; lost: number }): Score {
    const n = this.#truth.length
    const { column, source, majority, classes: known } = this.#classes.state
    if (n === 0)
      throw new UniDiagError(
        'NO_SAMPLES',
        `there is nothing to score in ${dataset.name}, split ${split}: no sample with a label in "${column}" could be loaded`,
      )
    const unknown = [...new Set(this.#truth)].filter((label) => !known.includes(label)).sort()
    const labels = [...known, ...unknown]
    const truth = Int32Array.from(this.#truth, (label) => labels.indexOf(label))
    const auc = new OneVsRestAuc(truth, this.#probabilities, known.length)
    const statistics = (weights?: ArrayLike<number>): number[] => {
      const macro = macroRates(classRates(confusionMatrix(truth, this.#predicted, labels.length, weights), labels.length))
      return [accuracy(truth, this.#predicted, weights), auc.macro(weights), ...rateNames.map((name) => macro[name])]
    }
    const intervals = bootstrapIntervals(n, statistics, this.#random.rng('classification', 'bootstrap'), { resamples: this.#resamples })
    const metrics: Record<string, Metric> = {}
    for (const [i, value] of statistics().entries()) if (!Number.isNaN(value)) metrics[names[i]] = { value, interval: intervals[i], n }

    const matrix = confusionMatrix(truth, this.#predicted, labels.length)
    const areas = auc.areas()
    return {
      primary: 'accuracy',
      metrics,
      tables: { classes: classTable(labels, matrix, areas), confusion: confusionTable(labels, matrix) },
      credits: { metric: 'accuracy', bySample: Object.fromEntries(this.#ids.map((id, i) => [id, this.#predicted[i] === truth[i] ? 1 : 0])) },
      protocol: {
        task: 'classification',
        dataset: dataset.name,
        synthetic: dataset.synthetic,
        split,
        splitHash: splitHash(dataset.samples(split)),
        samples: n,
        lost,
        details: {
          column,
          classes: known.length,
          classSource: source,
          classesWithAuc: areas.filter((area) => !Number.isNaN(area)).length,
          outsideShare: this.#truth.filter((label) => unknown.includes(label)).length / n,
          majorityClass: majority,
          majorityAccuracy: this.#truth.filter((label) => label === majority).length / n,
          averages: 'macro, over the classes that are a truth or a prediction',
          interval: `95 % percentile bootstrap over samples, ${this.#resamples} resamples`,
          ...(this.#unlabelled > 0 && { withoutLabel: this.#unlabelled }),
        },
      },
    }
  }
}

function accuracy(truth: Int32Array, predicted: readonly number[], weights?: ArrayLike<number>): number {
  const right = predicted.reduce((sum, given, i) => sum + (given === truth[i] ? (weights?.[i] ?? 1) : 0), 0)
  return right / truth.length
}

function classTable(labels: readonly string[], matrix: Float64Array, areas: readonly number[]): Table {
  const rows = classRates(matrix, labels.length).map((rates, c) => {
    const auc = areas[c] ?? Number.NaN
    return [labels[c], rates.support, rates.predicted, ...rateNames.map((name) => rates[name]), Number.isNaN(auc) ? '' : auc]
  })
  return { columns: ['class', 'support', 'predicted', ...rateNames, 'auc'], rows }
}

function confusionTable(labels: readonly string[], matrix: Float64Array): Table {
  const rows = labels.map((label, c) => [label, ...matrix.subarray(c * labels.length, (c + 1) * labels.length)])
  return { columns: ['truth \\ prediction', ...labels], rows }
}
