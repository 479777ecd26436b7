import { join } from 'node:path'
import { Dataset } from '@unidiag/core/contracts/dataset'
import { definePlugin } from '@unidiag/core/plugin'
import { z } from 'zod'
import { type Fault, refuse } from './release/fault.js'
import { readShards } from './release/read-shards.js'
import { toDataset } from './release/release.js'
import { findSplitFiles } from './release/split-files.js'

const key = z.string().min(1)

/**
 * Tar shards as WebDataset writes them: files with one name before the first dot are a sample, an image with its text (`.txt`, or a key of `.json`).
 * The shards are not unpacked: their index is read once, images when they are needed, so that an epoch is shuffled over all of them.
 *
 * - `shards`: the shards of each split; when left out, files named for splits (`train-000000.tar`) in `dir` or `dir/data`
 * - `keys`: keys of the JSON: the text, an answer or a list of answers, further fields
 */
export const webDataset = definePlugin({
  name: '@unidiag/datasets/webdataset',
  provides: Dataset,
  options: z.strictObject({
    dir: z.string(),
    name: z.string().default('webdataset'),
    shards: z.record(z.string(), z.array(z.string()).min(1)).optional(),
    keys: z
      .strictObject({ text: key.default('text'), answer: key.default('answer'), fields: z.array(key).default([]) })
      .default({ text: 'text', answer: 'answer', fields: [] }),
  }),
  async setup({ options: { dir, name, shards, keys } }): Promise<Dataset> {
    const faults: Fault[] = []
    const chosen = shards
      ? new Map(Object.entries(shards).map(([split, names]) => [split, names.map((one) => join(dir, one))]))
      : await findSplitFiles(dir, ['.tar'], faults)
    refuse(name, faults)
    return toDataset(name, await readShards(name, chosen, keys))
  },
})
