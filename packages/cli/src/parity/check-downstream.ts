import type { Tensor } from '@tensorflow/tfjs-core'
import { tensor, tidy } from '@tensorflow/tfjs-core'
import { type Gradients, GradientTransform } from '@unidiag/core/contracts/gradient-transform'
import { noGrad } from '@unidiag/core/nn/no-grad'
import type { Parameter } from '@unidiag/core/nn/parameter'
import { parameterGroups } from '@unidiag/core/optim/groups'
import { optimizerOptions } from '@unidiag/core/optim/options'
import { schedule } from '@unidiag/core/optim/schedule'
import { Random } from '@unidiag/core/random'
import { ownPair } from '@unidiag/core/step'
import { warmupShare } from './check-steps.js'
import { Comparison } from './comparison.js'
import { type Computed, compute, norm } from './compute.js'
import { isDeadWeight } from './dead-weights.js'
import { type DownstreamModel, type TaskName, taskBatch, taskWeights } from './downstream-model.js'
import type { Fixture } from './fixture.js'
import { compareGroups } from './optimiser-groups.js'
import { type ParityGroup, tolerances } from './report.js'

/** A task's forward and backward pass under GM-Coord as released. */
export interface Tuned {
  /** By the names of `downstream_io`. */
  readonly shown: ReadonlyMap<string, Float32Array>
  readonly computed: Computed
  readonly coefficients: Readonly<Record<string, number>>
  /** Gradients after GM-Coord. */
  readonly modulated: ReadonlyMap<string, Float32Array>
}

export async function tune(fixture: Fixture, name: TaskName, model: DownstreamModel): Promise<Tuned> {
  const { task, pipeline } = model
  const [transform] = pipeline.getAll(GradientTransform)
  const batch = await taskBatch(fixture, task)
  const shown = new Map<string, Float32Array>()
  const computed = compute(model, batch, (step) => {
    const pooled = step.pooled(task.view ?? ownPair, 'mean')
    const logits = task.logits(pooled, step)
    const halves = noGrad(() => task.unimodal(pooled, 'code'))
    const values = { text_cls_feats: pooled.text, image_cls_feats: pooled.image, gm_out_text: halves.text, gm_out_image: halves.image, logits, score: logits }
    for (const [key, value] of Object.entries(values)) shown.set(`${name}.${key}`, Float32Array.from((value as Tensor).dataSync()))
    const loss = task.loss(logits, step)
    // Like the trainer, after the loss: what the step holds by then outlives the transform's own scope.
    transform.observe?.(step)
    return { total: loss, parts: {} }
  })
  if ('vqa.targets' in batch.arrays) shown.set('vqa.targets', Float32Array.from(batch.arrays['vqa.targets'].data))
  return { shown, computed, ...modulate(transform, computed) }
}

function modulate(transform: GradientTransform, { gradients }: Computed): Pick<Tuned, 'coefficients' | 'modulated'> {
  const random = new Random(0)
  let coefficients: Record<string, number> = {}
  const modulated = new Map<string, Float32Array>()
  tidy(() => {
    // Modulation multiplies whole tensors, so that their layout does not matter.
    const tensors: Gradients = new Map(Array.from(gradients, ([name, values]) => [name, tensor(values)]))
    coefficients = transform.apply(tensors, { rng: (stream) => random.rng(stream), progress: 0 })
    for (const [name, value] of tensors) modulated.set(name, Float32Array.from(value.dataSync()))
  })
  return { coefficients, modulated }
}

/** Stored features and logits, and losses by name. */
export function compareOutputs(
  title: string,
  fixture: Fixture,
  name: TaskName,
  { shown }: Tuned,
  losses: readonly (readonly [string, number, number])[],
): ParityGroup {
  const group = new Comparison(title, tolerances.forward)
  for (const [key, { data }] of fixture.downstreamIo) if (key.startsWith(`${name}.`)) group.tensor(key, shown.get(key), data)
  for (const [what, ours, reference] of losses) group.number(what, ours, reference)
  return group.result()
}

export function compareCoefficients(title: string, fixture: Fixture, name: TaskName, { coefficients: ours }: Tuned): ParityGroup {
  const stored = fixture.downstream[name]
  const group = new Comparison(title, tolerances.forward)
  group.number('score_text', ours.contributionText, stored.score_text)
  group.number('score_image', ours.contributionImage, stored.score_image)
  group.number('rho_text', ours.rhoText, stored.rho_text)
  group.number('rho_image', 1 / ours.rhoText, stored.rho_image)
  group.number('k_text', ours.kText, stored.k_text)
  group.number('k_image', ours.kImage, stored.k_image)
  return group.result()
}

/** L2 of the gradients before GM-Coord. */
export function compareNorms(title: string, fixture: Fixture, name: TaskName, { computed }: Tuned): ParityGroup {
  const group = new Comparison(title, tolerances.gradients)
  group.numbers((parameter) => norm(computed.gradients.get(parameter)), fixture.downstream[name].grad_l2_before, isDeadWeight)
  return group.result()
}

/** Which parameters get a gradient. */
export function compareReach(title: string, fixture: Fixture, name: TaskName, { computed }: Tuned): ParityGroup {
  const group = new Comparison(title, tolerances.exact)
  const without = new Set(fixture.downstream[name].params_without_grad)
  const reference = [...taskWeights(fixture, name).keys()].filter((parameter) => !without.has(parameter) && !isDeadWeight(parameter))
  group.names('gradients', computed.gradients.keys(), reference)
  return group.result()
}

/** The cosine schedule, and the groups of the downstream model with their sizes (dead weights included, as stored). */
export function compareRates(title: string, fixture: Fixture, name: TaskName): ParityGroup {
  const { config } = fixture.pretrain
  const { groups, cosine_schedule_lrs } = fixture.downstream[name]
  const group = new Comparison(title, tolerances.formula)
  const options = optimizerOptions.parse({
    learningRate: config.learning_rate,
    weightDecay: config.weight_decay,
    multiplier: { heads: config.lr_multiplier_head, multiModal: config.lr_multiplier_multi_modal },
  })
  const factor = schedule({ kind: 'cosine', warmup: warmupShare(config), steps: config.max_steps })
  for (const [step, lrs] of cosine_schedule_lrs.entries())
    for (const [i, rate] of lrs.entries()) group.number(`step ${step}: group ${i}`, groups[i].initial_lr * factor(step), rate)
  compareGroups(group, groups, options)
  const ours = parameterGroups(
    [...taskWeights(fixture, name).keys()].map((parameter) => ({ name: parameter }) as Parameter),
    options,
  )
  for (const [i, { initial_lr, weight_decay, count }] of groups.entries()) {
    const same = ours.find(({ learningRate, weightDecay }) => Math.abs(learningRate / initial_lr - 1) < 1e-6 && weightDecay === weight_decay)
    group.number(`group ${i}: parameters`, same?.parameters.length, count)
  }
  return group.result()
}
