import type { Sample } from '@unidiag/core/contracts/dataset'
import type { Table } from '@unidiag/core/contracts/task'

/** Fields with more values than this are no categories. */
const MOST_VALUES = 40

/**
 * Accuracy by the values of every field that the samples have (organ, modality, question type), most frequent value first.
 * @param credits 1 = right @param interval of the mean of some credits; `name` tells its random numbers apart
 * @returns undefined when no sample has a field
 */
export function breakdown(
  samples: readonly Sample[],
  credits: readonly number[],
  interval: (credits: readonly number[], name: string) => readonly [number, number],
): Table | undefined {
  const rows: (string | number)[][] = []
  for (const field of new Set(samples.flatMap(({ fields = {} }) => Object.keys(fields)))) {
    const groups = new Map<string, number[]>()
    for (const [i, { fields }] of samples.entries()) {
      const value = fields && Object.hasOwn(fields, field) ? fields[field] : undefined
      if (value !== undefined) groups.set(value, [...(groups.get(value) ?? []), credits[i]])
    }
    if (groups.size > MOST_VALUES) continue
    for (const [value, of] of [...groups].sort(([, a], [, b]) => b.length - a.length)) {
      const [low, high] = interval(of, `${field}/${value}`)
      rows.push([field, value, of.length, of.reduce((a, b) => a + b, 0) / of.length, low, high])
    }
  }
  return rows.length === 0 ? undefined : { columns: ['field', 'value', 'n', 'accuracy', 'low', 'high'], rows }
}
