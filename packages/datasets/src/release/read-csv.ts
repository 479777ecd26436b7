import { extname } from 'node:path'
import type { Fault } from './fault.js'
import { parseCsv } from './parse-csv.js'
import type { PlacedRow } from './placed-row.js'
import { readText } from './read-text.js'

/** The rows of a CSV (or, by its name, TSV) file by the columns of its header. Rows with more or fewer cells, and `required` columns that are missing, are faults. */
export async function readCsv(file: string, required: readonly string[], faults: Fault[]): Promise<PlacedRow[]> {
  const text = await readText(file, faults)
  if (text === undefined) return []
  const malformed = (line: number, reason: string): number => faults.push({ code: 'DATA_MALFORMED', file, at: `${line}:1`, reason })
  const { rows, fault } = parseCsv(text, extname(file) === '.tsv' ? '\t' : ',')
  if (fault) malformed(fault.line, fault.reason)
  const [header, ...body] = rows
  if (!header) return []
  const names = header.cells.map((name) => name.trim())
  const missing = required.filter((name) => !names.includes(name))
  if (missing.length > 0) {
    malformed(header.line, `the header lacks ${missing.map((name) => `"${name}"`).join(', ')}`)
    return []
  }
  return body.flatMap(({ line, cells }) => {
    if (cells.length === names.length) return [{ at: `${line}:1`, cells: Object.fromEntries(names.map((name, i) => [name, cells[i]])) }]
    malformed(line, `expected ${names.length} cells, found ${cells.length}`)
    return []
  })
}
