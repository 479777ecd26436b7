import { extname, join, parse } from 'node:path'
import type { ImageSource, Sample } from '@unidiag/core/contracts/dataset'
import { z } from 'zod'
import { answerType, imageName, known, text } from './cells.js'
import type { Fault } from './fault.js'
import { fitRow, type PlacedRow } from './placed-row.js'
import { readCsv } from './read-csv.js'
import { readJsonLines } from './read-json-lines.js'
import { type ParquetTable, readParquet } from './read-parquet.js'
import { type Release, ReleaseBuilder } from './release.js'
import { answers, rowOf, scalar } from './take-cells.js'

/** Names of columns. */
export interface TableColumns {
  /** A path below the image folder, or (Parquet) the bytes of an image file. */
  readonly image: string
  readonly text: string
  /** An answer or a list of answers. */
  readonly answer?: string
  /** `open` or `closed` */
  readonly answerType?: string
  /** Number of a frame or slice. */
  readonly frame?: string
  /** Columns that become fields of the samples. */
  readonly fields: readonly string[]
}

export const tableExtensions = ['.csv', '.tsv', '.jsonl', '.ndjson', '.parquet']

const frame = z.union([z.int(), z.bigint(), z.string().regex(/^\d+$/)]).transform(Number)

/** The text columns of a row, in our names. */
const schemaOf = (columns: TableColumns, embedded: boolean) =>
  rowOf(({ must, may }) => ({
    image: embedded ? '' : must(imageName, columns.image),
    text: may(scalar.pipe(text), columns.text) ?? '',
    answers: columns.answer === undefined ? undefined : (may(answers, columns.answer) ?? []),
    answerType: may(answerType, columns.answerType),
    frame: may(frame, columns.frame),
    fields: known(Object.fromEntries(columns.fields.map((name) => [name, may(scalar, name)]))),
  }))

interface Rows {
  readonly rows: readonly PlacedRow[]
  readonly parquet?: ParquetTable
}

async function readRows(file: string, columns: TableColumns, faults: Fault[]): Promise<Rows> {
  const { fields, ...named } = columns
  const wanted = [...Object.values(named), ...fields].filter((name) => name !== undefined)
  const kind = extname(file).toLowerCase()
  if (kind === '.parquet') {
    const parquet = await readParquet(file, wanted, wanted, faults)
    return { rows: parquet?.rows ?? [], parquet }
  }
  if (kind === '.csv' || kind === '.tsv') return { rows: await readCsv(file, wanted, faults) }
  const rows: PlacedRow[] = []
  for await (const row of readJsonLines(file, faults)) rows.push(row)
  return { rows }
}

/** Reads tables whose rows name an image and a text. */
export async function readTable(
  name: string,
  files: ReadonlyMap<string, readonly string[]>,
  columns: TableColumns,
  images: string,
  faults: readonly Fault[] = [],
): Promise<Release> {
  const release = new ReleaseBuilder()
  release.faults.push(...faults)
  for (const [split, paths] of files) {
    const samples: Sample[] = []
    for (const file of paths) {
      const { rows, parquet } = await readRows(file, columns, release.faults)
      const embedded = parquet?.holdsBytes(columns.image) ?? false
      const schema = schemaOf(columns, embedded)
      // A split of several files numbers the rows of each.
      const prefix = paths.length > 1 ? `${name}/${split}/${parse(file).name}` : `${name}/${split}`
      for (const [i, { at, cells }] of rows.entries()) {
        const row = fitRow(schema, { at, cells }, file, release.faults)
        if (!row) continue
        const id = `${prefix}/${i}`
        const frameNumber = row.frame === undefined ? {} : { frame: row.frame }
        const image: ImageSource = embedded ? { name: id, encoded: () => parquet!.bytes(columns.image, i) } : { file: join(images, row.image), ...frameNumber }
        samples.push({
          id,
          imageId: embedded ? id : row.frame === undefined ? row.image : `${row.image}#${row.frame}`,
          image,
          text: row.text,
          ...(row.answers && { answers: row.answers }),
          ...(row.answerType && { answerType: row.answerType }),
          fields: row.fields,
        })
      }
    }
    release.add(split, paths[0], samples)
  }
  release.imageFolders.push(images)
  return release.build('table')
}
