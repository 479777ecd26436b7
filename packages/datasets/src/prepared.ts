import { Dataset } from '@unidiag/core/contracts/dataset'
import { definePlugin } from '@unidiag/core/plugin'
import { z } from 'zod'
import { readPrepared } from './release/read-prepared.js'
import { toDataset } from './release/release.js'

/**
 * A data set that `unidiag data prepare` wrote as shards: the same samples under the same name, with images that are quick to read. Batches are those of
 * the data set that it was made from.
 *
 * - `name`: that of the data set it was made from, when left out
 * - `source`: `check` refuses shards when an image file that they were made from is still there and has changed; `ignore` does not look
 */
export const prepared = definePlugin({
  name: '@unidiag/datasets/prepared',
  provides: Dataset,
  options: z.strictObject({ dir: z.string(), name: z.string().optional(), source: z.enum(['check', 'ignore']).default('check') }),
  async setup({ options: { dir, name, source } }): Promise<Dataset> {
    const release = await readPrepared(dir, source === 'check')
    const dataset = toDataset(name ?? release.manifest?.name ?? 'prepared', release)
    return { ...dataset, synthetic: release.manifest?.synthetic === true }
  },
})
