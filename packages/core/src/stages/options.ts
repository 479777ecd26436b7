import { z } from 'zod'

/** Options that every stage that trains has, besides its optimiser. A plugin spreads them into its own schema. */
export const trainingOptions = {
  /** Name of the data set; may be left out when the pipeline has one. */
  dataset: z.string().optional(),
  split: z.string().default('train'),
  /** Permits another split than `train`. */
  allowSplit: z.boolean().default(false),
  /** Training ends after `epochs` or `steps` (of the optimiser), whichever comes first; one epoch when neither is given. */
  epochs: z.int().positive().optional(),
  steps: z.int().positive().optional(),
  /** Samples of a micro-batch; `optimizer.accumulate` of them make a step. */
  batchSize: z.int().positive().default(16),
  /** Length of the text rows in tokens; the text encoder's longest when left out. */
  maxLength: z.int().positive().optional(),
  /** Random resized crops of the images (reference: transform.py), for data sets that call for them. */
  augment: z.boolean().default(false),
  /** Batches prepared ahead of the step. */
  ahead: z.int().min(0).default(1),
  /** Steps between checkpoints; besides at the end and when stopped. */
  checkpointEvery: z.int().positive().optional(),
}
