import type { Fault } from './fault.js'
import { findJsonPlaces, lineAndColumn } from './json-places.js'
import type { PlacedRow } from './placed-row.js'
import { readLines } from './read-lines.js'

/** The objects of a file with one JSON object a line. Other lines are faults; blank ones are passed over. */
export async function* readJsonLines(file: string, faults: Fault[]): AsyncGenerator<PlacedRow> {
  for await (const { number, text } of readLines(file, faults)) {
    if (text.trim() === '') continue
    const malformed = (column: string, reason: string): number => faults.push({ code: 'DATA_MALFORMED', file, at: `${number}:${column}`, reason })
    try {
      const row: unknown = JSON.parse(text)
      if (typeof row === 'object' && row !== null && !Array.isArray(row)) yield { at: `${number}:1`, cells: row as Record<string, unknown> }
      else malformed('1', 'expected one JSON object a line')
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      const { fault } = findJsonPlaces(text)
      malformed(lineAndColumn(text, fault?.at ?? 0).split(':')[1], `not valid JSON: expected ${fault?.expected ?? 'JSON'}`)
    }
  }
}
