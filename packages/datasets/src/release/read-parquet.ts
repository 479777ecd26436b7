import { asyncBufferFromFile, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import type { Fault } from './fault.js'
import type { PlacedRow } from './placed-row.js'

/** A table of a Parquet file, and bytes of its cells on demand. */
export interface ParquetTable {
  readonly rows: readonly PlacedRow[]
  /** Whether the cells of the column are bytes, plain or in a group that has them (`{ bytes, path }`); they are not in `rows`. */
  holdsBytes(column: string): boolean
  bytes(column: string, row: number): Promise<Uint8Array>
}

/** Columns of the outermost level: whether each holds bytes that are no text. */
function columnsOf({ schema }: FileMetaData): Map<string, boolean> {
  const columns = new Map<string, boolean>()
  let at = 1
  const skip = (): boolean => {
    const element = schema[at++]
    let bytes = element.type === 'BYTE_ARRAY' && element.converted_type === undefined && element.logical_type === undefined
    for (let child = 0; child < (element.num_children ?? 0); child++) bytes = skip() || bytes
    return bytes
  }
  while (at < schema.length) {
    const { name } = schema[at]
    columns.set(name, skip())
  }
  return columns
}

/** Reads the columns that hold no bytes. Columns that are missing, and a file that is not Parquet, are faults and give `undefined`. */
export async function readParquet(path: string, wanted: readonly string[], required: readonly string[], faults: Fault[]): Promise<ParquetTable | undefined> {
  const malformed = (reason: string): undefined => void faults.push({ code: 'DATA_MALFORMED', file: path, reason })
  try {
    const file = await asyncBufferFromFile(path)
    const metadata = await parquetMetadataAsync(file)
    const columns = columnsOf(metadata)
    const missing = required.filter((name) => !columns.has(name))
    if (missing.length > 0) return malformed(`the columns lack ${missing.map((name) => `"${name}"`).join(', ')}`)
    const common = { file, metadata, compressors, utf8: false }
    const plain = wanted.filter((name) => columns.get(name) === false)
    const rows = await parquetReadObjects({ ...common, columns: plain })
    // Only whole groups of rows can be read, so the last one is kept for the next image.
    let last: { readonly start: number; readonly column: string; readonly rows: Promise<Record<string, unknown>[]> } | undefined
    const readGroup = (column: string, row: number) => {
      let start = 0
      let end = 0
      for (const group of metadata.row_groups) {
        start = end
        end += Number(group.num_rows)
        if (row < end) break
      }
      if (last?.start !== start || last.column !== column)
        last = { start, column, rows: parquetReadObjects({ ...common, columns: [column], rowStart: start, rowEnd: end }) }
      return last
    }
    return {
      rows: rows.map((cells, i) => ({ at: `row ${i + 1}`, cells })),
      holdsBytes: (column) => columns.get(column) === true,
      async bytes(column, row) {
        const group = readGroup(column, row)
        const cell = (await group.rows)[row - group.start]?.[column] as Uint8Array | { bytes?: Uint8Array } | null | undefined
        const bytes = cell instanceof Uint8Array ? cell : cell?.bytes
        if (!bytes) throw new Error('the cell is empty')
        return bytes
      },
    }
  } catch (error) {
    return malformed((error as Error).message)
  }
}
