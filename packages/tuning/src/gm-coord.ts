import { GradientTransform } from '@unidiag/core/contracts/gradient-transform'
import { Task } from '@unidiag/core/contracts/task'
import { definePlugin } from '@unidiag/core/plugin'
import { z } from 'zod'
import { Modulation, sideOf } from './modulation.js'

/** GM-Coord (P 3.4, Eq. 10-13): damps the gradients of the modality that dominates the answers, of all its layers, and adds noise to them. */
export const gmCoord = definePlugin({
  name: '@unidiag/tuning/gm-coord',
  provides: GradientTransform,
  needs: { task: Task },
  options: z.strictObject({
    /** Stages whose gradients it changes. */
    stages: z.array(z.string()).default(['fine-tune']),
    /** beta of Eq. 12. */
    beta: z.number().positive().default(0.1),
    /** Logits of one modality (Eq. 10): the whole head with the other half zeroed, or the released code's reading of its last layer. */
    contribution: z.enum(['exact-split', 'code']).default('exact-split'),
    /** Contributions of all micro-batches of a step, or of the last one as in the released code. */
    window: z.enum(['sum', 'last']).default('sum'),
    /** Noise of Eq. 13: on both modalities (as in the released code), on the damped one only, or none. */
    noise: z.enum(['both', 'modulatedOnly', 'off']).default('both'),
    /** Rows of embedding tables that get noise: those with a gradient, or `all` as in the released code. */
    noiseRows: z.enum(['used', 'all']).default('used'),
    /** A parameter belongs to a side when its name contains the side's word and not the exception. */
    scope: z
      .strictObject({ text: z.string().min(1).default('language'), image: z.string().min(1).default('vision'), except: z.string().min(1).default('pooler') })
      .prefault({}),
  }),
  setup: ({ needs: { task }, options: { beta, scope, ...rule } }): GradientTransform =>
    new Modulation(task, {
      ...rule,
      name: 'gm-coord',
      strength: beta,
      imageOnTie: rule.contribution === 'code',
      side: (name) => sideOf(name, scope),
    }),
})
