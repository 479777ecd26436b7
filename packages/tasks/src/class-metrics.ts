/** Rows are truths, columns predictions; `[K, K]`. @param weights how often each sample counts; once when left out */
export function confusionMatrix(truth: ArrayLike<number>, predicted: ArrayLike<number>, classes: number, weights?: ArrayLike<number>): Float64Array {
  const matrix = new Float64Array(classes * classes)
  for (let i = 0; i < truth.length; i++) matrix[truth[i] * classes + predicted[i]] += weights?.[i] ?? 1
  return matrix
}

/** One class against all others (reference: objectives.py, my_metrics.py). A quotient without a denominator is 0. */
export interface ClassRates {
  /** Samples of the class, and samples that were taken for it. */
  readonly support: number
  readonly predicted: number
  /** TP / (TP + FN), also called recall. */
  readonly sensitivity: number
  /** TN / (TN + FP) */
  readonly specificity: number
  /** TP / (TP + FP) */
  readonly precision: number
  /** 2 TP / (2 TP + FP + FN) */
  readonly f1: number
}

/** The rates of every class of a confusion matrix `[K, K]`. */
export function classRates(matrix: Float64Array, classes: number): ClassRates[] {
  const total = matrix.reduce((a, b) => a + b, 0)
  return Array.from({ length: classes }, (_, c) => {
    let support = 0
    let predicted = 0
    for (let other = 0; other < classes; other++) {
      support += matrix[c * classes + other]
      predicted += matrix[other * classes + c]
    }
    const hits = matrix[c * classes + c]
    return {
      support,
      predicted,
      sensitivity: quotient(hits, support),
      specificity: quotient(total - support - predicted + hits, total - support),
      precision: quotient(hits, predicted),
      f1: quotient(2 * hits, support + predicted),
    }
  })
}

const quotient = (a: number, b: number): number => (b === 0 ? 0 : a / b)

export const rateNames = ['sensitivity', 'specificity', 'precision', 'f1'] as const

/** Unweighted means over the classes that are a truth or a prediction of some sample: `macro` averages of scikit-learn. */
export function macroRates(rates: readonly ClassRates[]): Record<(typeof rateNames)[number], number> {
  const there = rates.filter(({ support, predicted }) => support + predicted > 0)
  const mean = (name: (typeof rateNames)[number]) => there.reduce((sum, rate) => sum + rate[name], 0) / there.length
  return { sensitivity: mean('sensitivity'), specificity: mean('specificity'), precision: mean('precision'), f1: mean('f1') }
}

/**
 * Areas under the ROC curves of each class against all others. Samples are sorted once, so that resamples cost a pass each.
 * A tie counts half.
 */
export class OneVsRestAuc {
  readonly #truth: ArrayLike<number>
  readonly #scores: ArrayLike<number>
  readonly #outputs: number
  readonly #orders: readonly Uint32Array[]

  /** @param truth `[N]` class numbers, which may exceed the outputs @param scores `[N, V]` */
  constructor(truth: ArrayLike<number>, scores: ArrayLike<number>, outputs: number) {
    this.#truth = truth
    this.#scores = scores
    this.#outputs = outputs
    this.#orders = Array.from({ length: outputs }, (_, c) =>
      Uint32Array.from({ length: truth.length }, (_, i) => i).sort((a, b) => scores[a * outputs + c] - scores[b * outputs + c]),
    )
  }

  /** One area a class; NaN where every sample, or none, is of the class. */
  areas(weights?: ArrayLike<number>): number[] {
    return this.#orders.map((order, c) => this.#area(order, c, weights))
  }

  /** Mean over the classes that have an area; NaN when none has. */
  macro(weights?: ArrayLike<number>): number {
    const areas = this.areas(weights).filter((area) => !Number.isNaN(area))
    return areas.reduce((a, b) => a + b, 0) / areas.length
  }

  #area(order: Uint32Array, c: number, weights: ArrayLike<number> | undefined): number {
    const score = (at: number) => this.#scores[order[at] * this.#outputs + c]
    let [positives, negatives, pairs] = [0, 0, 0]
    for (let from = 0; from < order.length; ) {
      let [hits, misses] = [0, 0]
      let to = from
      for (; to < order.length && score(to) === score(from); to++) {
        const weight = weights?.[order[to]] ?? 1
        if (this.#truth[order[to]] === c) hits += weight
        else misses += weight
      }
      pairs += hits * (negatives + misses / 2)
      positives += hits
      negatives += misses
      from = to
    }
    return pairs / (positives * negatives)
  }
}
