import type { Dataset, Sample } from '@unidiag/core/contracts/dataset'
import { UniDiagError } from '@unidiag/core/errors'

/** The classes that the head can give, and what a checkpoint keeps of them. */
export interface ClassState {
  /** Labels in sorted order; the position is the output of the head. */
  readonly classes: readonly string[]
  /** Field of a sample that holds its label. */
  readonly column: string
  /** Data set and splits they were collected from. */
  readonly source: string
  /** The most frequent label there: the baseline that looks at nothing. */
  readonly majority: string
}

/** Numbers labels as the reference does: by code units of the sorted label strings (reference: objectives.py, my_metrics.py). */
export class ClassList {
  readonly state: ClassState
  readonly #index: ReadonlyMap<string, number>

  constructor(state: ClassState) {
    this.state = state
    this.#index = new Map(state.classes.map((label, index) => [label, index]))
  }

  /** @throws UniDiagError SPLIT_UNKNOWN, NO_SAMPLES when no sample of the splits has a label */
  static collect(dataset: Dataset, column: string, splits: readonly string[]): ClassList {
    const samples = splits.flatMap((split) => dataset.samples(split))
    const counts = new Map<string, number>()
    for (const sample of samples) {
      const label = labelOf(sample, column)
      if (label !== undefined) counts.set(label, (counts.get(label) ?? 0) + 1)
    }
    const source = `${dataset.name}: ${splits.join(', ')}`
    if (counts.size === 0) {
      const fields = [...new Set(samples.flatMap(({ fields = {} }) => Object.keys(fields)))].join(', ') || 'none'
      throw new UniDiagError('NO_SAMPLES', `no sample of ${source} has a label in the field "${column}"; fields there: ${fields}`, {
        fix: 'Set the option `column` of @unidiag/tasks/classification to one of the fields, or `classSplits` to splits that have labels.',
      })
    }
    // The default order is by code units, and so the same everywhere.
    const classes = [...counts.keys()].sort()
    const majority = classes.reduce((best, label) => (counts.get(label)! > counts.get(best)! ? label : best))
    return new ClassList({ classes, column, source, majority })
  }

  get size(): number {
    return this.state.classes.length
  }

  /** The label of a sample as written; undefined when it has none. */
  label(sample: Sample): string | undefined {
    return labelOf(sample, this.state.column)
  }

  /** Number of the sample's class; -1 when it has no label, or one that the head cannot give. */
  index(sample: Sample): number {
    return this.#index.get(this.label(sample) ?? '') ?? -1
  }
}

function labelOf({ fields }: Sample, column: string): string | undefined {
  const label = fields && Object.hasOwn(fields, column) ? fields[column] : ''
  return label.trim() === '' ? undefined : label
}
