import { GradientTransform } from '@unidiag/core/contracts/gradient-transform'
import { Task } from '@unidiag/core/contracts/task'
import { definePlugin } from '@unidiag/core/plugin'
import { z } from 'zod'
import { Modulation, sideOf } from './modulation.js'

/**
 * OGM-GE (Peng et al., CVPR 2022, Eq. 7-12): on-the-fly gradient modulation with generalisation enhancement, what GM-Coord grew out of. It changes kernels of the
 * encoders alone, during the first part of training. In the original these are convolutions; here all weight matrices of both encoders.
 */
export const ogmGe = definePlugin({
  name: '@unidiag/tuning/ogm-ge',
  provides: GradientTransform,
  needs: { task: Task },
  options: z.strictObject({
    /** Stages whose gradients it changes. */
    stages: z.array(z.string()).default(['fine-tune']),
    /** k = 1 - tanh(alpha rho) for the side whose rho > 1: 0.1 to 0.8 by data set in the original. */
    alpha: z.number().positive().default(0.1),
    /** Generalisation enhancement: noise on both modalities; `off` is plain OGM. */
    noise: z.enum(['both', 'off']).default('both'),
    /** Shares of the stage between which it acts: epochs 0 to 50 of 100 in the original. */
    span: z
      .tuple([z.number().min(0).max(1), z.number().min(0).max(1)])
      .refine(([from, to]) => from <= to, 'has to go up')
      .default([0, 0.5]),
    /** A weight matrix belongs to a side when its name contains the side's word and not the exception. */
    scope: z
      .strictObject({
        text: z.string().min(1).default('language_encoder'),
        image: z.string().min(1).default('vision_encoder'),
        except: z.string().min(1).default('embedding'),
      })
      .prefault({}),
  }),
  setup: ({ needs: { task }, options: { alpha, scope, span, ...rule } }): GradientTransform =>
    new Modulation(task, {
      ...rule,
      name: 'ogm-ge',
      strength: alpha,
      contribution: 'exact-split',
      window: 'sum',
      noiseRows: 'all',
      imageOnTie: false,
      side: (name, gradient) => (gradient.rank > 1 ? sideOf(name, scope) : undefined),
      active: (progress) => progress >= span[0] && progress < span[1],
    }),
})
