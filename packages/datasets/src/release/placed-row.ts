import type { z } from 'zod'
import type { Fault } from './fault.js'

/** A row of a table as read, and where it starts. */
export interface PlacedRow {
  /** `line:column` from 1, or the number of the row in files without lines. */
  readonly at: string
  readonly cells: Readonly<Record<string, unknown>>
}

/** The row if it fits the schema; otherwise a fault that names the column and `undefined`. */
export function fitRow<S extends z.ZodType>(schema: S, { at, cells }: PlacedRow, file: string, faults: Fault[]): z.output<S> | undefined {
  const result = schema.safeParse(cells)
  if (result.success) return result.data
  const [{ path, message }] = result.error.issues
  faults.push({ code: 'DATA_MALFORMED', file, at, reason: `${path.length > 0 ? `"${path.join('.')}": ` : ''}${message}` })
  return undefined
}

export function fitRows<S extends z.ZodType>(schema: S, rows: readonly PlacedRow[], file: string, faults: Fault[]): z.output<S>[] {
  return rows.flatMap((row) => {
    const fitted = fitRow(schema, row, file, faults)
    return fitted === undefined ? [] : [fitted]
  })
}
