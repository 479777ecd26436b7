import { join } from 'node:path'
import { Dataset } from '@unidiag/core/contracts/dataset'
import { definePlugin } from '@unidiag/core/plugin'
import { z } from 'zod'
import { refuse } from './release/fault.js'
import { find } from './release/find.js'
import { readMedmnist } from './release/read-medmnist.js'
import { toDataset } from './release/release.js'

/**
 * A set of MedMNIST v2 (Yang et al. 2023) with one label an image, with its official splits: small images that are kept in memory. Each is a question whose
 * answer is the name of its class; the field `label` has the number.
 *
 * - `set`: the name of the file without `.npz`
 * - `question`: asked about every image
 * - `labels`: names of the classes, for sets whose names are not known here
 */
export const medmnist = definePlugin({
  name: '@unidiag/datasets/medmnist',
  provides: Dataset,
  options: z.strictObject({
    dir: z.string(),
    set: z.string().regex(/^\w+$/, 'a name like pneumoniamnist').default('pneumoniamnist'),
    name: z.string().optional(),
    question: z.string().min(1).default('what does the image show?'),
    labels: z.array(z.string().min(1)).min(2).optional(),
  }),
  async setup({ options: { dir, set, name = set, question, labels } }): Promise<Dataset> {
    const faults: Parameters<typeof refuse>[1][number][] = []
    await find(dir, [`${set}.npz`], faults)
    refuse(name, faults)
    return toDataset(name, await readMedmnist(join(dir, `${set}.npz`), question, labels))
  },
})
