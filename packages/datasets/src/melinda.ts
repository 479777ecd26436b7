import { Dataset } from '@unidiag/core/contracts/dataset'
import { definePlugin } from '@unidiag/core/plugin'
import { z } from 'zod'
import { readMelinda } from './release/read-melinda.js'
import { toDataset } from './release/release.js'

/**
 * MELINDA (Wu et al. 2021) from the folder as its authors hand it out: captions of figures with the method of the experiment. The labels are in the fields
 * `i_meth`, `p_meth`, `i_meth_label`, `p_meth_label` (the one of the literature, 7 classes). A figure that occurs in several splits belongs to the last.
 */
export const melinda = definePlugin({
  name: '@unidiag/datasets/melinda',
  provides: Dataset,
  options: z.strictObject({ dir: z.string(), name: z.string().default('melinda') }),
  setup: async ({ options: { dir, name } }): Promise<Dataset> => toDataset(name, await readMelinda(dir)),
})
