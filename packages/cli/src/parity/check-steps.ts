import type { Teacher } from '@unidiag/core/contracts/teacher'
import { optimizerOptions } from '@unidiag/core/optim/options'
import { OptimizerStep } from '@unidiag/core/optimizer-step'
import { Random } from '@unidiag/core/random'
import type { RunContext } from '@unidiag/core/run-context'
import { weightedLoss } from '@unidiag/core/stages/weighted-loss'
import type { Step } from '@unidiag/core/step'
import type { TrainOptions } from '@unidiag/core/train'
import { pretrainBatch } from './batch.js'
import { Comparison } from './comparison.js'
import { inFileLayout } from './compute.js'
import { isDeadWeight } from './dead-weights.js'
import type { Fixture, FixtureTensors } from './fixture.js'
import type { ParityModel } from './model.js'
import { compareGroups } from './optimiser-groups.js'
import { lossEntries, terms, withPretraining } from './pretrain-model.js'
import { type ParityGroup, tolerances } from './report.js'

/** The optimiser steps of the fixture: losses and learning rates of each, and student and teacher after the last. */
export function checkSteps(fixture: Fixture): Promise<ParityGroup[]> {
  return withPretraining(fixture, 'masked', async (model, teacher) => {
    const steps = new Comparison('optimiser steps: losses', tolerances.forward)
    const rates = new Comparison('optimiser steps: learning rates, groups and decay', tolerances.formula)
    const { options, run, dispose } = trainer(fixture, model, teacher)
    compareGroups(rates, fixture.pretrain.groups, options)
    for (const [i, stored] of fixture.pretrain.steps.entries()) {
      const { losses, learningRate } = await run(i)
      for (const [name, objective] of lossEntries) steps.number(`step ${i}: ${name}`, losses[objective] * (objective === 'itm' ? 1 : 0.5), stored[name])
      steps.number(`step ${i}: total`, losses.total, stored.total)
      for (const [group, rate] of stored.lrs.entries())
        rates.number(`step ${i}: group ${group}`, (learningRate / options.learningRate) * fixture.pretrain.groups[group].initial_lr, rate)
    }
    dispose()
    return [
      steps.result(),
      rates.result(),
      compareParameters('parameters after the steps', tolerances.parameters, fixture.studentAfter, (name) => value(model, name)),
      compareParameters('teacher after the steps', tolerances.teacher, fixture.teacherAfter, (name) => value(model, name, teacher)),
    ]
  })
}

/** The optimiser step of the training stages, on the fixture's batch. */
function trainer(fixture: Fixture, model: ParityModel, teacher: Teacher) {
  const { config, groups } = fixture.pretrain
  const options = optimizerOptions.parse({
    learningRate: config.learning_rate,
    weightDecay: config.weight_decay,
    betas: groups[0].betas,
    eps: groups[0].eps,
    multiplier: { heads: config.lr_multiplier_head, multiModal: config.lr_multiplier_multi_modal },
    schedule: 'linear',
    warmup: warmupShare(config),
  })
  const batch = pretrainBatch(fixture)
  const context = { random: new Random(0), parameters: model.parameters } as RunContext
  const training = {
    stage: 'parity',
    model: model.model,
    teacher,
    optimizer: options,
    transforms: [],
    forward: (step: Step) => weightedLoss(terms(model), step),
  }
  const step = new OptimizerStep(context, training as Partial<TrainOptions> as TrainOptions, config.max_steps)
  return {
    options,
    run(index: number) {
      step.add(batch)
      return step.apply(index)!
    },
    dispose: () => step.dispose(),
  }
}

/** A whole number counts steps, a fraction is the share of them. */
export const warmupShare = ({ warmup_steps, max_steps }: { warmup_steps: number; max_steps: number }): number =>
  // A little more than the quotient: the schedule rounds the product down.
  warmup_steps >= 1 ? (warmup_steps + 1e-6) / max_steps : warmup_steps

function value({ parameters }: ParityModel, name: string, teacher?: Teacher): Float32Array | undefined {
  if (!parameters.has(name)) return undefined
  const tensor = teacher ? teacher.values.get(name) : parameters.get(name).value
  return tensor && inFileLayout(parameters, name, tensor)
}

/**
 * Key biases have a true gradient of zero: what is stored is rounding noise that Adam blows up to the size of the learning rate, and is left
 * out. Dead weights are not ours.
 */
function compareParameters(
  name: string,
  tolerance: ParityGroup['tolerance'],
  stored: FixtureTensors,
  ours: (name: string) => Float32Array | undefined,
): ParityGroup {
  const group = new Comparison(name, tolerance)
  for (const [parameter, { data }] of stored) {
    if (isDeadWeight(parameter) || parameter.endsWith('.key.bias') || data instanceof Int32Array) continue
    if (parameter.endsWith('.in_proj_bias')) group.tensor(parameter, withoutKeys(ours(parameter)), withoutKeys(data)!)
    else group.tensor(parameter, ours(parameter), data)
  }
  return group.result()
}

/** First and last third of stacked query, key and value biases. */
function withoutKeys(bias: Float32Array | undefined): Float32Array | undefined {
  return bias?.filter((_, i) => Math.floor((3 * i) / bias.length) !== 1)
}
