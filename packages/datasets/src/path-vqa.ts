import { Dataset } from '@unidiag/core/contracts/dataset'
import { definePlugin } from '@unidiag/core/plugin'
import { z } from 'zod'
import { readPathVqa } from './release/read-path-vqa.js'
import { toDataset } from './release/release.js'

/** PathVQA (He et al. 2020) from the folder as downloaded, with its official splits. Its pickles are read as data: one that would run code is refused. */
export const pathVqa = definePlugin({
  name: '@unidiag/datasets/path-vqa',
  provides: Dataset,
  options: z.strictObject({ dir: z.string(), name: z.string().default('path-vqa') }),
  setup: async ({ options: { dir, name } }): Promise<Dataset> => toDataset(name, await readPathVqa(dir)),
})
