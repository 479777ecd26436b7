import { Dataset } from '@unidiag/core/contracts/dataset'
import { UniDiagError } from '@unidiag/core/errors'
import { definePlugin } from '@unidiag/core/plugin'
import { z } from 'zod'
import { holdOut } from './release/hold-out.js'
import { readVqaRad } from './release/read-vqa-rad.js'
import { toDataset } from './release/release.js'

/**
 * VQA-RAD (Lau et al. 2018) from the folder as downloaded.
 *
 * - `source`: `mevf`, the split that the literature uses (3,064 train, 451 test), or `public`, the file of the release (1,797 train, 451 test)
 * - `validation`: nobody ever published a validation split. Default: a tenth of the training images with all their questions, chosen by a seeded hash.
 *   `file` uses a `valset.json` that you made; `test` selects on the test questions as the released code does, so that the score says nothing about
 *   new questions; `none` has no split `val`
 *
 * The official split is by question: nearly all test images also occur in train, with other questions.
 */
export const vqaRad = definePlugin({
  name: '@unidiag/datasets/vqa-rad',
  provides: Dataset,
  options: z.strictObject({
    dir: z.string(),
    name: z.string().default('vqa-rad'),
    source: z.enum(['mevf', 'public']).default('mevf'),
    validation: z
      .union([
        z.strictObject({ from: z.literal('train'), share: z.number().gt(0).lt(1).default(0.1), seed: z.int().default(0) }),
        z.enum(['file', 'test', 'none']),
      ])
      .default({ from: 'train', share: 0.1, seed: 0 }),
  }),
  async setup({ options: { dir, name, source, validation } }): Promise<Dataset> {
    if (source === 'public' && validation === 'file')
      throw new UniDiagError('OPTION_INVALID', '@unidiag/datasets/vqa-rad: the public source has no validation file', {
        fix: 'Use `source: mevf`, or another `validation`.',
      })
    const release = await readVqaRad(dir, source, validation === 'file' ? 'always' : 'never')
    const { faults } = release
    const train = release.splits.get('train') ?? []
    const test = release.splits.get('test') ?? []
    if (validation === 'file') return toDataset(name, release)
    if (validation === 'none') return toDataset(name, { faults, splits: new Map(Object.entries({ train, test })) })
    if (validation === 'test') return toDataset(name, { faults, splits: new Map(Object.entries({ train, val: test, test })) })
    const { kept, heldOut } = holdOut(train, validation.share, validation.seed)
    return toDataset(name, { faults, splits: new Map(Object.entries({ train: kept, val: heldOut, test })) })
  },
})
