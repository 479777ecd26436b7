import { Dataset } from '@unidiag/core/contracts/dataset'
import { definePlugin } from '@unidiag/core/plugin'
import { z } from 'zod'
import { readRoco } from './release/read-roco.js'
import { toDataset } from './release/release.js'
import { withoutMissing } from './release/without-missing.js'

/**
 * The radiology part of ROCO (Pelka et al. 2018) from the release and the images that its script fetches, with its official splits. Captions of fewer than
 * three words are left out, as in the reference (prepro_pretraining_data.py, prepro_finetuning_data.py).
 *
 * - `view`: `pretrain` has all texts; `retrieval` has one caption an image in the order of Python's `random.seed(seed); random.shuffle`, validation and
 *   test cut after `heldOut` items, so that it is the candidate set of the literature
 * - `references`: a folder with `roco_*_references.jsonl` of MedICaT, whose texts then precede the caption of an image
 * - `missing`: images can no longer all be fetched; `leave-out` drops their samples before training, `keep` leaves that to the loader, which names each.
 *   The cut of the retrieval view comes first, as in the reference. `unidiag data verify roco` counts them
 */
export const roco = definePlugin({
  name: '@unidiag/datasets/roco',
  provides: Dataset,
  options: z.strictObject({
    dir: z.string(),
    name: z.string().default('roco'),
    view: z.enum(['pretrain', 'retrieval']).default('pretrain'),
    references: z.string().optional(),
    missing: z.enum(['leave-out', 'keep']).default('leave-out'),
    seed: z.int().default(42),
    heldOut: z.int().positive().default(2000),
  }),
  async setup({ options: { dir, name, missing, ...options } }): Promise<Dataset> {
    const release = await readRoco(dir, options)
    return toDataset(name, missing === 'leave-out' ? await withoutMissing(release) : release)
  },
})
