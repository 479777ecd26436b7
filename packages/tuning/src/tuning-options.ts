import { optimizerOptions } from '@unidiag/core/optim/options'
import { trainingOptions } from '@unidiag/core/stages/options'
import { z } from 'zod'

/** Options of every stage that trains a task. */
export const tuningOptions = {
  ...trainingOptions,
  /** How token streams become features: the mean of the tokens that are not padding, of all (released code), or token 0 (M3AE). */
  pooling: z.enum(['mean-non-pad', 'mean', 'first']).default('mean-non-pad'),
  /** The split that chooses the best weights, and how often in epochs; null goes without and keeps the last ones. */
  validationSplit: z.string().nullable().default('val'),
  validateEvery: z.int().positive().default(1),
  /** The split that is scored once, at the end; null for none. */
  testSplit: z.string().nullable().default('test'),
  /** Permits choosing the weights on the very split that is reported, as the released VQA-RAD runs do. */
  allowSelectionOnTest: z.boolean().default(false),
}

const schema = z.strictObject({ ...tuningOptions, optimizer: optimizerOptions })

export type TuningOptions = z.output<typeof schema>
