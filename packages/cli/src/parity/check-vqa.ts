import { scalar, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core'
import { type Gradients, GradientTransform } from '@unidiag/core/contracts/gradient-transform'
import { Task } from '@unidiag/core/contracts/task'
import { noGrad } from '@unidiag/core/nn/no-grad'
import type { Parameter } from '@unidiag/core/nn/parameter'
import { deviation } from '@unidiag/core/ops/deviation'
import { parameterGroups } from '@unidiag/core/optim/groups'
import { optimizerOptions } from '@unidiag/core/optim/options'
import { schedule } from '@unidiag/core/optim/schedule'
import { Random } from '@unidiag/core/random'
import { Step } from '@unidiag/core/step'
import { gmCoord } from '@unidiag/tuning/gm-coord'
import { warmupShare } from './check-steps.js'
import { Comparison } from './comparison.js'
import { type Computed, compute, norm } from './compute.js'
import { isDeadWeight } from './dead-weights.js'
import type { Fixture } from './fixture.js'
import { compareGroups } from './optimiser-groups.js'
import { type ParityGroup, tolerances } from './report.js'
import { vqaBatch, vqaDataset, vqaSamples, vqaWeights, withVqa } from './vqa-model.js'

const view = { image: 'full', text: 'full' } as const

/** VQA with GM-Coord as released: features, losses, coefficients, and gradients before and after. */
export async function checkVqa(fixture: Fixture): Promise<ParityGroup[]> {
  const paper = await withVqa(fixture, 'cross-entropy', async ({ model, pipeline }) => {
    const task = pipeline.get(Task)
    const batch = await vqaBatch(fixture, task)
    return tidy(() => {
      const step = new Step({ model, batch, training: false })
      return task.loss(task.logits(step.pooled(view, 'mean'), step), step).dataSync()[0]
    })
  })
  return withVqa(fixture, 'bce', async (model) => {
    const task = model.pipeline.get(Task)
    const [transform] = model.pipeline.getAll(GradientTransform)
    const batch = await vqaBatch(fixture, task)
    const shown = new Map<string, Float32Array>()
    const computed = compute(model, batch, (step) => {
      const pooled = step.pooled(view, 'mean')
      const logits = task.logits(pooled, step)
      const halves = noGrad(() => task.unimodal(pooled, 'code'))
      const values = { text_cls_feats: pooled.text, image_cls_feats: pooled.image, gm_out_text: halves.text, gm_out_image: halves.image, logits }
      for (const [name, value] of Object.entries(values)) shown.set(`vqa.${name}`, Float32Array.from((value as Tensor).dataSync()))
      transform.observe?.(step)
      return { total: task.loss(logits, step), parts: {} }
    })
    shown.set('vqa.targets', Float32Array.from(batch.arrays['vqa.targets'].data))
    const modulated = modulate(transform, computed)
    return [
      outputs(fixture, shown, { bce: computed.losses.total, paper }),
      coefficients(fixture, modulated.coefficients),
      gradients(fixture, computed, modulated.gradients),
      await scope(fixture, [...computed.gradients.keys()]),
      accuracy(fixture, task, shown.get('vqa.logits')!),
      rates(fixture),
    ]
  })
}

function modulate(transform: GradientTransform, { gradients }: Computed): { coefficients: Record<string, number>; gradients: Map<string, Float32Array> } {
  const random = new Random(0)
  let coefficients: Record<string, number> = {}
  const out = new Map<string, Float32Array>()
  tidy(() => {
    // Modulation multiplies whole tensors, so that their layout does not matter.
    const tensors: Gradients = new Map(Array.from(gradients, ([name, values]) => [name, tensor(values)]))
    coefficients = transform.apply(tensors, { rng: (stream) => random.rng(stream) })
    for (const [name, value] of tensors) out.set(name, Float32Array.from(value.dataSync()))
  })
  return { coefficients, gradients: out }
}

function outputs(
  { downstreamIo, downstream: { vqa } }: Fixture,
  shown: ReadonlyMap<string, Float32Array>,
  losses: { bce: number; paper: number },
): ParityGroup {
  const group = new Comparison('VQA: features, logits and losses', tolerances.forward)
  for (const [name, { data }] of downstreamIo) if (name.startsWith('vqa.')) group.tensor(name, shown.get(name), data)
  group.number('binary cross-entropy x answers', losses.bce, vqa.loss_bce_times_labels_code)
  group.number('cross-entropy', losses.paper, vqa.loss_cross_entropy_paper_form)
  return group.result()
}

function coefficients({ downstream: { vqa } }: Fixture, ours: Record<string, number>): ParityGroup {
  const group = new Comparison('GM-Coord: contributions and coefficients', tolerances.forward)
  group.number('score_text', ours.contributionText, vqa.score_text)
  group.number('score_image', ours.contributionImage, vqa.score_image)
  group.number('rho_text', ours.rhoText, vqa.rho_text)
  group.number('rho_image', 1 / ours.rhoText, vqa.rho_image)
  group.number('k_text', ours.kText, vqa.k_text)
  group.number('k_image', ours.kImage, vqa.k_image)
  return group.result()
}

function gradients(fixture: Fixture, { gradients }: Computed, modulated: ReadonlyMap<string, Float32Array>): ParityGroup {
  const { vqa } = fixture.downstream
  const group = new Comparison('GM-Coord: gradients before and after, and the deviation of the noise', tolerances.gradients)
  group.numbers((name) => norm(gradients.get(name)), vqa.grad_l2_before, isDeadWeight)
  group.numbers((name) => norm(modulated.get(name)), vqa.grad_l2_modulated, isDeadWeight)
  group.numbers((name) => std(gradients.get(name)), vqa.noise_std, isDeadWeight)
  for (const [name, { data }] of fixture.modulated) group.tensor(name, modulated.get(name), data)
  return group.result()
}

const std = (values: Float32Array | undefined): number | undefined => values && tidy(() => deviation(tensor(values)).dataSync()[0])

/** Which gradients change when a side dominates. */
async function scope({ downstream: { vqa } }: Fixture, names: readonly string[]): Promise<ParityGroup> {
  const group = new Comparison('GM-Coord: which gradients belong to which side', tolerances.exact)
  const text = await changed(names, { text: 2, image: 1 })
  const image = await changed(names, { text: 1, image: 2 })
  group.names('text', text, vqa.names_scaled_by_k_text)
  group.names('image', image, vqa.names_scaled_by_k_image)
  group.names(
    'neither',
    names.filter((name) => !text.includes(name) && !image.includes(name)),
    vqa.names_not_modulated,
  )
  return group.result()
}

async function changed(names: readonly string[], contributions: { text: number; image: number }): Promise<string[]> {
  const told = { unimodal: (pooled: unknown) => pooled, groundTruth: (value: Tensor) => value } as unknown as Task
  const transform = await gmCoord.definition.setup({ needs: { task: told as never }, options: gmCoord.definition.options.parse({ noise: 'off' }) })
  const out: string[] = []
  tidy(() => {
    transform.observe?.({ lastPooled: { text: scalar(contributions.text), image: scalar(contributions.image) } } as unknown as Step)
    const gradients: Gradients = new Map(names.map((name) => [name, scalar(1)]))
    const before = new Map(gradients)
    transform.apply(gradients, { rng: (stream) => new Random(0).rng(stream) })
    out.push(...names.filter((name) => gradients.get(name) !== before.get(name)))
  })
  return out
}

/** Right answers among all, closed and open questions. */
function accuracy(fixture: Fixture, task: Task, logits: Float32Array): ParityGroup {
  const group = new Comparison('VQA: right answers', tolerances.exact)
  const samples = vqaSamples(fixture)
  const evaluator = task.evaluator()
  evaluator.add(logits, samples)
  const { metrics } = evaluator.score({ dataset: vqaDataset(samples), split: 'test', lost: 0 })
  const names = { '': 'overall', close_: 'closed', open_: 'open' }
  for (const [prefix, name] of Object.entries(names)) {
    const { value, n } = metrics[name] ?? { value: 0, n: 0 }
    group.number(`${prefix}correct`, Math.round(value * n), fixture.downstream.vqa.metric[`${prefix}correct`])
    group.number(`${prefix}total`, n, fixture.downstream.vqa.metric[`${prefix}total`])
  }
  return group.result()
}

/** The cosine schedule, and the groups of the downstream model with their sizes (dead weights included, as stored). */
function rates(fixture: Fixture): ParityGroup {
  const { pretrain, downstream } = fixture
  const { config } = pretrain
  const { groups, cosine_schedule_lrs } = downstream.vqa
  const group = new Comparison('VQA: cosine schedule and groups', tolerances.formula)
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
    [...vqaWeights(fixture).keys()].map((name) => ({ name }) as Parameter),
    options,
  )
  for (const [i, { initial_lr, weight_decay, count }] of groups.entries()) {
    const same = ours.find(({ learningRate, weightDecay }) => Math.abs(learningRate / initial_lr - 1) < 1e-6 && weightDecay === weight_decay)
    group.number(`group ${i}: parameters`, same?.parameters.length, count)
  }
  return group.result()
}
