import { Dataset } from '@unidiag/core/contracts/dataset'
import { UniDiagError } from '@unidiag/core/errors'
import { definePlugin } from '@unidiag/core/plugin'
import { z } from 'zod'
import { arrowTables, readM3aeArrow } from './release/read-m3ae-arrow.js'
import { toDataset } from './release/release.js'

/**
 * Arrow files as the scripts of M3AE write them (make_arrow.py): captions (`roco`, `medicat`, `irtr_roco`), questions (`vqa_vqa_rad`, `vqa_slack`,
 * `vqa_medvqa_2019`) or classes (`cls_melinda`), with the images in them. Images are read from their place in the file when they are needed.
 *
 * - `table`: what the files are called before `_train.arrow`; may be left out when the folder has one table
 */
export const m3aeArrow = definePlugin({
  name: '@unidiag/datasets/m3ae-arrow',
  provides: Dataset,
  options: z.strictObject({ dir: z.string(), name: z.string().optional(), table: z.string().min(1).optional() }),
  async setup({ options: { dir, name, table } }): Promise<Dataset> {
    const tables = await arrowTables(dir)
    if (table === undefined && tables.length > 1)
      throw new UniDiagError('OPTION_INVALID', `@unidiag/datasets/m3ae-arrow: ${dir} has the tables ${tables.join(', ')}`, {
        fix: 'Choose one with the option `table`.',
      })
    const chosen = table ?? tables[0] ?? 'roco'
    return toDataset(name ?? chosen, await readM3aeArrow(dir, chosen, name ?? chosen))
  },
})
