import type { Dataset, Sample } from '@unidiag/core/contracts/dataset'
import { Task } from '@unidiag/core/contracts/task'
import { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import type { BatchDraft, HostBatch } from '@unidiag/core/data/batch-draft'
import { batchKeys } from '@unidiag/core/data/batch-keys'
import { definePlugin } from '@unidiag/core/plugin'
import { Random } from '@unidiag/core/random'
import { classification } from '@unidiag/tasks/classification'
import { retrieval } from '@unidiag/tasks/retrieval'
import { vqa } from '@unidiag/tasks/vqa'
import { gmCoord } from '@unidiag/tuning/gm-coord'
import { z } from 'zod'
import { floats, integers, pretrainBatch } from './batch.js'
import { type Fixture, type FixtureTensor, input } from './fixture.js'
import { type ParityModel, withModel } from './model.js'

export const taskNames = ['vqa', 'cls', 'irtr'] as const
export type TaskName = (typeof taskNames)[number]

/** A task of the fixture, and its model with GM-Coord as released, noise off. */
export interface DownstreamModel extends ParityModel {
  readonly task: Task
}

/** Heads of pre-training are no part of the downstream model; retrieval keeps the one that it starts from. */
const isPretrainingHead = (name: string, task: TaskName): boolean =>
  /^(mlm|mim)_head\.|^feal_proj\./.test(name) || (name.startsWith('itm_head.') && task !== 'irtr')

/** Weights of the downstream model: the student's encoders and fusion, and the head of its own. */
export function taskWeights(fixture: Fixture, task: TaskName): Map<string, FixtureTensor> {
  const head = [...fixture.downstreamIo]
    .filter(([name]) => name.startsWith(`weight.${task}_head.`))
    .map(([name, tensor]) => [name.slice('weight.'.length), tensor] as const)
  return new Map([...[...fixture.student].filter(([name]) => !isPretrainingHead(name, task)), ...head])
}

export function withTask<T>(
  fixture: Fixture,
  name: TaskName,
  f: (model: DownstreamModel) => T | Promise<T>,
  loss: 'bce' | 'cross-entropy' = 'bce',
): Promise<T> {
  const outputs = input(fixture, 'downstreamIo', name === 'irtr' ? 'irtr.score' : `weight.${name}_head.3.bias`).shape.at(-1)!
  // Stand-ins: the fixture knows answers and classes by number only.
  const labels = Array.from({ length: outputs }, (_, i) => label(i))
  const tasks = {
    vqa: () => vqa({ loss, state: { answers: labels, source: 'parity', majority: {}, outside: {} } }),
    cls: () => classification({ state: { classes: labels, column: 'class', source: 'parity', majority: '' } }),
    irtr: () => retrieval({ negatives: outputs - 1 }),
  }
  return withModel(fixture, [tasks[name](), unusedTokenizer(), gmCoord({ contribution: 'code', noise: 'off' })], taskWeights(fixture, name), (model) =>
    f({ ...model, task: model.pipeline.get(Task) }),
  )
}

const label = (index: number): string => `label${index}`

/** Retrieval asks for a tokenizer to draw texts with; the texts of the fixture are ids already. */
const unusedTokenizer = definePlugin({
  name: '@unidiag/cli/unused-tokenizer',
  provides: Tokenizer,
  options: z.strictObject({}),
  setup: (): Tokenizer => ({
    vocabSize: 0,
    special: { bos: 0, pad: 1, eos: 2, unk: 3, mask: 4 },
    encode: () => [],
    words: () => [],
    fingerprint: 'parity',
  }),
})

/** The pairs of pre-training with their answers and classes. */
export function taskSamples(fixture: Fixture): Sample[] {
  const [answers, types, classes] = ['vqa_labels', 'answer_types', 'cls_labels'].map((name) => input(fixture, 'downstreamIo', `in.${name}`).data)
  return pretrainBatch(fixture).samples.map((sample, i) => ({
    ...sample,
    answers: [label(answers[i])],
    answerType: types[i] === 1 ? 'open' : 'closed',
    fields: { class: label(classes[i]) },
  }))
}

/** The fixture's batch as the task would have prepared it. */
export async function taskBatch(fixture: Fixture, task: Task): Promise<HostBatch> {
  const samples = taskSamples(fixture)
  const batch = { ...pretrainBatch(fixture), samples }
  if (task.view?.textKey) return { ...batch, arrays: { ...batch.arrays, ...rankedTexts(fixture, task.view.textKey, task.outputs) } }
  const random = new Random(0)
  const draft: BatchDraft = {
    ...batch,
    arrays: { ...batch.arrays },
    pool: samples,
    maxLength: batch.arrays[batchKeys.textIds].shape[1],
    rng: (...path) => random.rng(...path.filter((p) => p !== undefined)),
    image: async () => undefined,
  }
  await task.prepare?.(draft)
  return { ...batch, arrays: draft.arrays }
}

/** For each image its own text, then the wrong ones. */
function rankedTexts(fixture: Fixture, key: string, count: number): HostBatch['arrays'] {
  const rows = (own: string, wrong: string): FixtureTensor => {
    const columns = [
      input(fixture, 'io', `in.${own}`),
      ...Array.from({ length: count - 1 }, (_, i) => input(fixture, 'downstreamIo', `in.false_text_${i}_${wrong}`)),
    ]
    const [batch, length] = columns[0].shape
    const data = Array.from({ length: batch }, (_, b) => columns.flatMap((column) => [...column.data.subarray(b * length, (b + 1) * length)])).flat()
    return { data: Float32Array.from(data), shape: [batch * count, length] }
  }
  return { [`${key}.ids`]: integers(rows('text_ids', 'ids')), [`${key}.mask`]: floats(rows('text_masks', 'masks')) }
}

export const taskDataset = (samples: readonly Sample[]): Dataset => ({ name: 'parity', synthetic: true, splits: ['test'], samples: () => samples })
