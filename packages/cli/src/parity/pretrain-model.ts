import { Teacher } from '@unidiag/core/contracts/teacher'
import { weightedObjectives } from '@unidiag/core/stages/weighted-loss'
import { emaTeacher } from '@unidiag/pretrain/ema-teacher'
import { feaMim } from '@unidiag/pretrain/fea-mim'
import { feaMlm } from '@unidiag/pretrain/fea-mlm'
import { itm } from '@unidiag/pretrain/itm'
import { mim } from '@unidiag/pretrain/mim'
import { mlm } from '@unidiag/pretrain/mlm'
import { loadTeacher } from './compute.js'
import type { Fixture } from './fixture.js'
import { decoderOf, type ParityModel, withModel } from './model.js'

/** Names of the five objectives in the fixture and here, in the order of the fixture. */
const lossNames = { feal_loss: 'feaMlm', feai_loss: 'feaMim', mlm_loss: 'mlm', mim_loss: 'mim', itm_loss: 'itm' } as const
type LossName = keyof typeof lossNames

export const lossEntries = Object.entries(lossNames) as [LossName, (typeof lossNames)[LossName]][]

/** The objectives as the released code has them. */
const releasedObjectives = ({ pretrain: { config, settings } }: Fixture, positions: 'masked' | 'all') => [
  mim({ mimLayer: config.mim_layer, normPixLoss: config.norm_pix_loss }),
  mlm({ positions }),
  feaMim({ mode: 'code' }),
  feaMlm({ positions: 'all', feaDim: settings.hidden }),
  itm(),
]

/** Eq. 7 with alpha 0.5 over these objectives. */
export const terms = (model: ParityModel, names: readonly string[] = Object.values(lossNames), weights: Readonly<Record<string, number>> = {}) =>
  weightedObjectives('parity', names.map(model.objective), { objectives: names, alpha: 0.5, weights })

/** MR-Pretrain with the weights before step 0: student, and teacher with all of the state. */
export const withPretraining = <T>(fixture: Fixture, positions: 'masked' | 'all', f: (model: ParityModel, teacher: Teacher) => T | Promise<T>): Promise<T> =>
  withModel(
    fixture,
    [decoderOf(fixture), ...releasedObjectives(fixture, positions), emaTeacher({ scope: 'all', decay: fixture.pretrain.ema_decay })],
    fixture.student,
    (model) => {
      const teacher = model.pipeline.get(Teacher)
      loadTeacher(teacher, model, fixture.teacher)
      return f(model, teacher)
    },
  )
