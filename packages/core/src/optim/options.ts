import { z } from 'zod'

/** Options of the optimiser of a stage; defaults of the reference's pre-training (config.py, m3ae_utils.py). */
export const optimizerOptions = z.strictObject({
  /** Peak learning rate of the encoders. */
  learningRate: z.number().positive().default(1e-5),
  /** Decoupled; not applied to biases and most normalisation weights. */
  weightDecay: z.number().nonnegative().default(0.01),
  betas: z.tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)]).default([0.9, 0.98]),
  eps: z.number().positive().default(1e-8),
  /** Learning rate of fusion and heads, as multiples of `learningRate`. */
  multiplier: z.strictObject({ multiModal: z.number().positive().default(5), heads: z.number().positive().default(5) }).prefault({}),
  schedule: z.enum(['linear', 'cosine', 'constant']).default('linear'),
  /** Share of the steps in which the learning rate rises from 0. */
  warmup: z.number().min(0).max(1).default(0.1),
  /** What the schedule ends at, as a multiple of the peak. */
  endFactor: z.number().min(0).max(1).default(0),
  /** Micro-batches an optimiser step. */
  accumulate: z.int().positive().default(1),
  /** Largest L2 norm of all gradients together; unlimited when left out. */
  clipNorm: z.number().positive().optional(),
})

export type OptimizerOptions = z.output<typeof optimizerOptions>
