import { pretrainBatch } from './batch.js'
import { Comparison } from './comparison.js'
import { type Computed, computeObjectives, norm } from './compute.js'
import { isDeadWeight } from './dead-weights.js'
import type { Fixture } from './fixture.js'
import { lossEntries, terms, withPretraining } from './pretrain-model.js'
import { type ParityGroup, tolerances } from './report.js'

/** Losses of step 0, their gradients together, and how far each loss alone reaches. */
export function checkGradients(fixture: Fixture): Promise<ParityGroup[]> {
  return withPretraining(fixture, 'masked', (model, teacher) => {
    const batch = pretrainBatch(fixture)
    const together = computeObjectives(model, batch, terms(model), teacher)
    const alone = new Map(lossEntries.map(([stored, name]) => [stored, computeObjectives(model, batch, terms(model, [name]), teacher).gradients]))
    const feaMim = [...(alone.get('feai_loss') ?? [])].filter(([, gradient]) => norm(gradient) > 0).map(([name]) => name)
    return [losses(fixture, together), gradients(fixture, together), norms(fixture, together, alone), reach(fixture, [...together.gradients.keys()], feaMim)]
  })
}

function losses({ pretrain }: Fixture, { losses }: Computed): ParityGroup {
  const group = new Comparison('pre-training: losses', tolerances.forward)
  for (const [stored, name] of lossEntries) {
    group.number(`raw ${stored}`, losses[name], pretrain.raw_losses_step0[stored])
    group.number(stored, losses[name] * (name === 'itm' ? 1 : 0.5), pretrain.losses_step0[stored])
  }
  group.number('total', losses.total, pretrain.total_step0)
  return group.result()
}

function gradients(fixture: Fixture, { gradients }: Computed): ParityGroup {
  const group = new Comparison('pre-training: gradients', tolerances.gradients)
  for (const [name, { data }] of fixture.gradients) group.tensor(name, gradients.get(name), data)
  return group.result()
}

function norms({ pretrain }: Fixture, together: Computed, alone: ReadonlyMap<string, Computed['gradients']>): ParityGroup {
  const group = new Comparison('pre-training: L2 of gradients, of the sum and of each loss', tolerances.gradients)
  group.numbers((name) => norm(together.gradients.get(name)), pretrain.grad_l2)
  const { order, ...columns } = pretrain.per_loss_grad_l2
  // No gradient at all is stored as null; a parameter that a loss does not reach has 0 in the reference and none here.
  for (const [stored, column] of Object.entries(columns))
    for (const [i, value] of column.entries())
      if (typeof value === 'number') group.number(`${stored}: ${order[i]}`, norm(alone.get(stored)?.get(String(order[i]))), value)
  return group.result()
}

function reach({ pretrain }: Fixture, together: readonly string[], feaMim: readonly string[]): ParityGroup {
  const group = new Comparison('pre-training: which parameters get a gradient', tolerances.exact)
  const without = new Set(pretrain.params_without_grad)
  group.names(
    'sum of all losses',
    together,
    Object.keys(pretrain.grad_l2).filter((name) => !without.has(name) && !isDeadWeight(name)),
  )
  group.names('FeaMIM as released', feaMim, pretrain.feamim_student_parameters_with_nonzero_gradient)
  return group.result()
}
