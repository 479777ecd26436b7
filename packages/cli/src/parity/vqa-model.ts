import type { Dataset, Sample } from '@unidiag/core/contracts/dataset'
import type { Task } from '@unidiag/core/contracts/task'
import type { BatchDraft, HostBatch } from '@unidiag/core/data/batch-draft'
import { Random } from '@unidiag/core/random'
import { vqa } from '@unidiag/tasks/vqa'
import { gmCoord } from '@unidiag/tuning/gm-coord'
import { pretrainBatch } from './batch.js'
import { type Fixture, type FixtureTensor, input } from './fixture.js'
import { type ParityModel, withModel } from './model.js'

/** Stand-ins: the fixture knows answers by number only. */
const answer = (index: number): string => `answer${index}`

const HEAD = 'weight.vqa_head.'
/** Heads of pre-training are not part of the downstream model. */
const isPretrainingHead = (name: string): boolean => /^(mlm|mim|itm)_head\.|^feal_proj\./.test(name)

/** Weights of the downstream model: the student's encoders and fusion, and the head of its own. */
export function vqaWeights(fixture: Fixture): Map<string, FixtureTensor> {
  const head = [...fixture.downstreamIo].filter(([name]) => name.startsWith(HEAD)).map(([name, tensor]) => [name.slice('weight.'.length), tensor] as const)
  return new Map([...[...fixture.student].filter(([name]) => !isPretrainingHead(name)), ...head])
}

/** The model with the VQA head and GM-Coord as released, noise off. */
export function withVqa<T>(fixture: Fixture, loss: 'bce' | 'cross-entropy', f: (model: ParityModel) => T | Promise<T>): Promise<T> {
  const answers = Array.from({ length: fixture.pretrain.settings.vqa_labels }, (_, i) => answer(i))
  const plugins = [vqa({ loss, state: { answers, source: 'parity', majority: {}, outside: {} } }), gmCoord({ contribution: 'code', noise: 'off' })]
  return withModel(fixture, plugins, vqaWeights(fixture), f)
}

/** The pairs of pre-training as questions. */
export function vqaSamples(fixture: Fixture): Sample[] {
  const [labels, types] = ['in.vqa_labels', 'in.answer_types'].map((name) => input(fixture, 'downstreamIo', name).data)
  return pretrainBatch(fixture).samples.map((sample, i) => ({ ...sample, answers: [answer(labels[i])], answerType: types[i] === 1 ? 'open' : 'closed' }))
}

export async function vqaBatch(fixture: Fixture, task: Task): Promise<HostBatch> {
  const samples = vqaSamples(fixture)
  const batch = { ...pretrainBatch(fixture), samples }
  const random = new Random(0)
  const draft: BatchDraft = {
    ...batch,
    arrays: { ...batch.arrays },
    pool: samples,
    rng: (...path) => random.rng(...path.filter((p) => p !== undefined)),
    image: async () => undefined,
  }
  await task.prepare?.(draft)
  return { ...batch, arrays: draft.arrays }
}

export const vqaDataset = (samples: readonly Sample[]): Dataset => ({ name: 'parity', synthetic: true, splits: ['test'], samples: () => samples })
