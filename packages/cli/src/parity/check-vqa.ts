import { scalar, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core'
import type { Gradients } from '@unidiag/core/contracts/gradient-transform'
import type { Task } from '@unidiag/core/contracts/task'
import { deviation } from '@unidiag/core/ops/deviation'
import { Random } from '@unidiag/core/random'
import { ownPair, Step } from '@unidiag/core/step'
import { gmCoord } from '@unidiag/tuning/gm-coord'
import { compareCoefficients, compareOutputs, compareRates, type Tuned, tune } from './check-downstream.js'
import { Comparison } from './comparison.js'
import { norm } from './compute.js'
import { isDeadWeight } from './dead-weights.js'
import { taskBatch, taskDataset, taskSamples, withTask } from './downstream-model.js'
import type { Fixture } from './fixture.js'
import { type ParityGroup, tolerances } from './report.js'

/** VQA with GM-Coord as released: features, losses, coefficients, and gradients before and after. */
export async function checkVqa(fixture: Fixture): Promise<ParityGroup[]> {
  const { vqa } = fixture.downstream
  const paper = (task: Task, step: Step): number => task.loss(task.logits(step.pooled(ownPair, 'mean'), step), step).dataSync()[0]
  const crossEntropy = await withTask(
    fixture,
    'vqa',
    async ({ model, task }) => {
      const batch = await taskBatch(fixture, task)
      return tidy(() => paper(task, new Step({ model, batch, training: false })))
    },
    'cross-entropy',
  )
  return withTask(fixture, 'vqa', async (model) => {
    const tuned = await tune(fixture, 'vqa', model)
    const losses = [
      ['binary cross-entropy x answers', tuned.computed.losses.total, vqa.loss_bce_times_labels_code],
      ['cross-entropy', crossEntropy, vqa.loss_cross_entropy_paper_form],
    ] as const
    return [
      compareOutputs('VQA: features, logits and losses', fixture, 'vqa', tuned, losses),
      compareCoefficients('GM-Coord, VQA: contributions and coefficients', fixture, 'vqa', tuned),
      gradients(fixture, tuned),
      await scope(fixture, [...tuned.computed.gradients.keys()]),
      accuracy(fixture, model.task, tuned.shown.get('vqa.logits')!),
      compareRates('VQA: cosine schedule and groups', fixture, 'vqa'),
    ]
  })
}

function gradients(fixture: Fixture, { computed, modulated }: Tuned): ParityGroup {
  const { vqa } = fixture.downstream
  const group = new Comparison('GM-Coord, VQA: gradients before and after, and the deviation of the noise', tolerances.gradients)
  group.numbers((name) => norm(computed.gradients.get(name)), vqa.grad_l2_before, isDeadWeight)
  group.numbers((name) => norm(modulated.get(name)), vqa.grad_l2_modulated, isDeadWeight)
  group.numbers((name) => std(computed.gradients.get(name)), vqa.noise_std, isDeadWeight)
  for (const [name, { data }] of fixture.modulated) group.tensor(name, modulated.get(name), data)
  return group.result()
}

const std = (values: Float32Array | undefined): number | undefined => values && tidy(() => deviation(tensor(values)).dataSync()[0])

/** Which gradients change when a side dominates. */
async function scope({ downstream: { vqa } }: Fixture, names: readonly string[]): Promise<ParityGroup> {
  const group = new Comparison('GM-Coord, VQA: which gradients belong to which side', tolerances.exact)
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
    transform.apply(gradients, { rng: (stream) => new Random(0).rng(stream), progress: 0 })
    out.push(...names.filter((name) => gradients.get(name) !== before.get(name)))
  })
  return out
}

/** Right answers among all, closed and open questions. */
function accuracy(fixture: Fixture, task: Task, logits: Float32Array): ParityGroup {
  const group = new Comparison('VQA: right answers', tolerances.exact)
  const samples = taskSamples(fixture)
  const evaluator = task.evaluator()
  evaluator.add(logits, samples)
  const { metrics } = evaluator.score({ dataset: taskDataset(samples), split: 'test', lost: 0 })
  const names = { '': 'overall', close_: 'closed', open_: 'open' }
  for (const [prefix, name] of Object.entries(names)) {
    const { value, n } = metrics[name] ?? { value: 0, n: 0 }
    group.number(`${prefix}correct`, Math.round(value * n), fixture.downstream.vqa.metric[`${prefix}correct`])
    group.number(`${prefix}total`, n, fixture.downstream.vqa.metric[`${prefix}total`])
  }
  return group.result()
}
