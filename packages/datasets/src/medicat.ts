import { Dataset } from '@unidiag/core/contracts/dataset'
import { definePlugin } from '@unidiag/core/plugin'
import { z } from 'zod'
import { readMedicat } from './release/read-medicat.js'
import { toDataset } from './release/release.js'
import { withoutMissing } from './release/without-missing.js'

/**
 * The radiology figures of MedICaT (Subramanian et al. 2020) from the folder as downloaded, with their captions and the sentences that refer to them.
 * Texts of fewer than three words are left out. The release has no splits: they are those of the reference (prepro_pretraining_data.py, prepro_finetuning_data.py), drawn as Python does.
 *
 * - `seed`, `heldOut`: the last `heldOut` figures of the shuffled list are the test, as many before them are for validation
 * - `missing`: whether samples without an image file are dropped before training, as in the reference, or left to the loader, which names each
 */
export const medicat = definePlugin({
  name: '@unidiag/datasets/medicat',
  provides: Dataset,
  options: z.strictObject({
    dir: z.string(),
    name: z.string().default('medicat'),
    seed: z.int().default(42),
    heldOut: z.int().positive().default(1000),
    missing: z.enum(['leave-out', 'keep']).default('leave-out'),
  }),
  async setup({ options: { dir, name, missing, ...options } }): Promise<Dataset> {
    const release = await readMedicat(dir, options)
    return toDataset(name, missing === 'leave-out' ? await withoutMissing(release) : release)
  },
})
