import { extname, join } from 'node:path'
import { Dataset } from '@unidiag/core/contracts/dataset'
import { UniDiagError } from '@unidiag/core/errors'
import { definePlugin } from '@unidiag/core/plugin'
import { z } from 'zod'
import { type Fault, refuse } from './release/fault.js'
import { readTable, tableExtensions } from './release/read-table.js'
import { toDataset } from './release/release.js'
import { findSplitFiles } from './release/split-files.js'

const column = z.string().min(1)

/**
 * Data of your own: tables whose rows name an image and a text, as CSV, TSV, JSON lines or Parquet (also with the image in it, as the Hugging Face hub has it).
 *
 * - `files`: the file of each split; when left out, files named for splits (`train.csv`, `validation-00000-of-00001.parquet`) in `dir` or `dir/data`
 * - `images`: the folder that paths start from, `dir` when left out
 * - `columns`: names of the columns. `answer` makes questions of the texts; `frame` chooses a frame of a DICOM file or a slice of a volume; only columns
 *   listed in `fields` are read beside these
 *
 * A Parquet file with images in it reads a whole group of rows for an image, so shuffled training from one is slow: write files or tar shards.
 */
export const table = definePlugin({
  name: '@unidiag/datasets/table',
  provides: Dataset,
  options: z.strictObject({
    dir: z.string(),
    name: z.string().default('table'),
    files: z.record(z.string(), z.union([z.string(), z.array(z.string()).min(1)])).optional(),
    images: z.string().optional(),
    columns: z
      .strictObject({
        image: column.default('image'),
        text: column.default('text'),
        answer: column.optional(),
        answerType: column.optional(),
        frame: column.optional(),
        fields: z.array(column).default([]),
      })
      .default({ image: 'image', text: 'text', fields: [] }),
  }),
  async setup({ options: { dir, name, files, images, columns } }): Promise<Dataset> {
    const faults: Fault[] = []
    const chosen = files
      ? new Map(Object.entries(files).map(([split, paths]) => [split, [paths].flat().map((path) => join(dir, path))]))
      : await findSplitFiles(dir, tableExtensions, faults)
    refuse(name, faults)
    const other = [...chosen.values()].flat().find((file) => !tableExtensions.includes(extname(file).toLowerCase()))
    if (other !== undefined)
      throw new UniDiagError('OPTION_INVALID', `@unidiag/datasets/table: ${other} is no table`, { fix: `Use files with ${tableExtensions.join(', ')}.` })
    return toDataset(name, await readTable(name, chosen, columns, images ?? dir))
  },
})
