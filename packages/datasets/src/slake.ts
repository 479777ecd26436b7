import { Dataset } from '@unidiag/core/contracts/dataset'
import { definePlugin } from '@unidiag/core/plugin'
import { z } from 'zod'
import { readSlake } from './release/read-slake.js'
import { toDataset } from './release/release.js'

/**
 * SLAKE 1.0 (Liu et al. 2021) from the folder as downloaded, with its official splits.
 *
 * - `language`: English questions by default, as in the literature. The splits of the two languages differ: with `all`, images of the English test
 *   questions occur in the Chinese training questions
 */
export const slake = definePlugin({
  name: '@unidiag/datasets/slake',
  provides: Dataset,
  options: z.strictObject({
    dir: z.string(),
    name: z.string().default('slake'),
    language: z.enum(['en', 'zh', 'all']).default('en'),
  }),
  setup: async ({ options: { dir, name, language } }): Promise<Dataset> => toDataset(name, await readSlake(dir, language)),
})
