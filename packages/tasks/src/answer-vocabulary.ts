import type { Dataset, Sample } from '@unidiag/core/contracts/dataset'
import { UniDiagError } from '@unidiag/core/errors'
import { normalizeAnswer } from './normalize-answer.js'

/** The answers that the head can give, and what a checkpoint keeps of them. */
export interface VocabularyState {
  /** Normalised answers; the position is the output of the head. */
  readonly answers: readonly string[]
  /** Data set and splits they were collected from. */
  readonly source: string
  /** The most frequent answer there, over all questions and by type: the baseline that looks at nothing. */
  readonly majority: Readonly<Partial<Record<'overall' | 'open' | 'closed', string>>>
  /** Questions of each split of the data set whose answers are all missing here: no training signal, and wrong in an evaluation. */
  readonly outside: Readonly<Record<string, number>>
}

export class AnswerVocabulary {
  readonly state: VocabularyState
  readonly #index: ReadonlyMap<string, number>

  constructor(state: VocabularyState) {
    this.state = state
    this.#index = new Map(state.answers.map((answer, index) => [answer, index]))
  }

  /**
   * Collects the answers of the named splits, in the order in which they first appear (reference: make_arrow.py, my_metrics.py).
   * @throws UniDiagError SPLIT_UNKNOWN, NO_SAMPLES when no sample has an answer
   */
  static collect(dataset: Dataset, splits: readonly string[]): AnswerVocabulary {
    const counts = { overall: new Map<string, number>(), open: new Map<string, number>(), closed: new Map<string, number>() }
    const source = `${dataset.name}: ${splits.join(', ')}`
    for (const sample of splits.flatMap((split) => dataset.samples(split))) {
      for (const answer of normalizedAnswers(sample)) {
        count(counts.overall, answer)
        if (sample.answerType) count(counts[sample.answerType], answer)
      }
    }
    if (counts.overall.size === 0)
      throw new UniDiagError('NO_SAMPLES', `no sample of ${source} has an answer`, {
        fix: 'Point the option `dataset` of @unidiag/tasks/vqa at a data set of questions, or `vocabularySplits` at splits that have answers.',
      })
    const majority = Object.fromEntries(
      Object.entries(counts)
        .filter(([, of]) => of.size > 0)
        .map(([type, of]) => [type, mostFrequent(of)]),
    )
    const isOutside = (sample: Sample): boolean => {
      const answers = normalizedAnswers(sample)
      return answers.length > 0 && !answers.some((answer) => counts.overall.has(answer))
    }
    const outside = Object.fromEntries(dataset.splits.map((split) => [split, dataset.samples(split).filter(isOutside).length]))
    return new AnswerVocabulary({ answers: [...counts.overall.keys()], source, majority, outside })
  }

  get size(): number {
    return this.state.answers.length
  }

  /** Outputs that stand for an accepted answer of the sample; empty when none can be produced. */
  labels(sample: Sample): number[] {
    return normalizedAnswers(sample).flatMap((answer) => this.#index.get(answer) ?? [])
  }
}

/** The distinct accepted answers of a sample, normalised; what the release left empty is not an answer. */
export function normalizedAnswers(sample: Sample): string[] {
  return [...new Set((sample.answers ?? []).filter((answer) => answer.trim() !== '').map(normalizeAnswer))]
}

const count = (counts: Map<string, number>, key: string): unknown => counts.set(key, (counts.get(key) ?? 0) + 1)

const mostFrequent = (counts: ReadonlyMap<string, number>): string => [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best))[0]
