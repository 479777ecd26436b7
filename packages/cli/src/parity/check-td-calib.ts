import { weightedObjectives } from '@unidiag/core/stages/weighted-loss'
import { feaWeights } from '@unidiag/tuning/td-calib'
import { pretrainBatch } from './batch.js'
import { Comparison } from './comparison.js'
import { computeObjectives, norm } from './compute.js'
import { isDeadWeight } from './dead-weights.js'
import type { Fixture } from './fixture.js'
import { withPretraining } from './pretrain-model.js'
import { type ParityGroup, tolerances } from './report.js'

const names = ['mim', 'mlm', 'feaMim', 'feaMlm']
/** As released. */
const weights = feaWeights(1e-5)

/** Losses and gradients of TD-Calib as released. */
export function checkTdCalib(fixture: Fixture): Promise<ParityGroup[]> {
  const { tdcalib } = fixture
  return withPretraining(fixture, 'masked', (model, teacher) => {
    const terms = weightedObjectives('td-calib', names.map(model.objective), { objectives: names, alpha: 0.5, weights })
    const { losses, gradients } = computeObjectives(model, pretrainBatch(fixture), terms, teacher)
    const values = new Comparison('TD-Calib: losses', tolerances.forward)
    values.numbers((name) => ({ feal_raw: losses.feaMlm, feai_raw: losses.feaMim, mlm_loss: losses.mlm, mim_loss: losses.mim, total: losses.total })[name], {
      feal_raw: tdcalib.feal_raw,
      feai_raw: tdcalib.feai_raw,
      mlm_loss: tdcalib.mlm_loss,
      mim_loss: tdcalib.mim_loss,
      total: tdcalib.total,
    })
    values.number('feal_loss', losses.feaMlm * weights.feaMlm, tdcalib.feal_loss)
    values.number('feai_loss', losses.feaMim * weights.feaMim, tdcalib.feai_loss)
    const norms = new Comparison('TD-Calib: L2 of gradients', tolerances.gradients)
    norms.numbers((name) => norm(gradients.get(name)), tdcalib.grad_l2, isDeadWeight)
    return [values.result(), norms.result()]
  })
}
