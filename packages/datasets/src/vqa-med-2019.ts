import { Dataset } from '@unidiag/core/contracts/dataset'
import { definePlugin } from '@unidiag/core/plugin'
import { z } from 'zod'
import { readVqaMed2019 } from './release/read-vqa-med-2019.js'
import { toDataset } from './release/release.js'

/**
 * VQA-Med 2019 (Ben Abacha et al. 2019) from the three folders as downloaded, with its official splits.
 *
 * - `categories`: C1 modality, C2 plane, C3 organ (default, as in the literature), C4 abnormality (free text)
 *
 * A test question can have several right answers; the first is the label, `answers` holds all. The release does not tell open from closed questions:
 * all are open, as in the literature. 42 images also occur in VQA-RAD, 32 of them in this training split.
 */
export const vqaMed2019 = definePlugin({
  name: '@unidiag/datasets/vqa-med-2019',
  provides: Dataset,
  options: z.strictObject({
    dir: z.string(),
    name: z.string().default('vqa-med-2019'),
    categories: z
      .array(z.enum(['C1', 'C2', 'C3', 'C4']))
      .min(1)
      .default(['C1', 'C2', 'C3']),
  }),
  setup: async ({ options: { dir, name, categories } }): Promise<Dataset> => toDataset(name, await readVqaMed2019(dir, categories)),
})
