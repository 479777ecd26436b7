import type { z } from 'zod'
import type { Fault } from './fault.js'
import { findJsonPlaces, lineAndColumn } from './json-places.js'
import { readText } from './read-text.js'

/** The rows of a JSON file that is a list of objects. What does not fit the schema becomes a fault with file, line and column. */
export async function readJsonRows<S extends z.ZodType>(file: string, schema: S, faults: Fault[]): Promise<z.output<S>[]> {
  const text = await readText(file, faults)
  if (text === undefined) return []
  const malformed = (offset: number, reason: string): void => {
    faults.push({ code: 'DATA_MALFORMED', file, at: lineAndColumn(text, offset), reason })
  }
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    const { fault } = findJsonPlaces(text)
    malformed(fault?.at ?? 0, `not valid JSON: expected ${fault?.expected ?? 'JSON'}`)
    return []
  }
  if (!Array.isArray(parsed)) {
    malformed(0, 'expected a list of rows')
    return []
  }
  const rows: z.output<S>[] = []
  let places: readonly number[] | undefined
  for (const [index, row] of parsed.entries()) {
    const result = schema.safeParse(row)
    if (result.success) rows.push(result.data)
    else {
      places ??= findJsonPlaces(text).elements
      const [issue] = result.error.issues
      malformed(places[index], `row ${index + 1}: ${issue.path.length > 0 ? `"${issue.path.join('.')}": ` : ''}${issue.message}`)
    }
  }
  return rows
}
