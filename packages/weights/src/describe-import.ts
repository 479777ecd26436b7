import type { ImportReport } from './import-weights.js'

/** An import in a few lines: what was loaded, resized, skipped (by reason) and is missing (by part of the model). */
export function describeImport({ file, format, kind, loaded, resized, skipped, missing }: ImportReport): string[] {
  return [
    `${file} (${format}, names of ${kind})`,
    `loaded ${loaded.length} parameter${loaded.length === 1 ? '' : 's'}`,
    ...resized.map(({ name, from, to }) => `resized ${name} from [${from}] to [${to}]`),
    ...describeSkipped(skipped),
    ...(missing.length > 0 ? [`missing ${missing.length}: ${countedParts(missing)}`] : []),
  ]
}

/** What was skipped, by reason. */
export const describeSkipped = (skipped: ImportReport['skipped']): string[] =>
  counted(skipped.map(({ reason }) => reason.replace(/^the model has no (\w+).*$/, 'the model has no $1'))).map((what) => `skipped ${what}`)

/** Parts of the model, each with how many of these parameters it has: `12 x mlm_head`. */
export const countedParts = (names: readonly string[]): string => counted(names.map(partOf)).join(', ')

const partOf = (name: string): string => name.split('.', 1)[0]

function counted(values: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return Array.from(counts, ([value, count]) => `${count} x ${value}`)
}
