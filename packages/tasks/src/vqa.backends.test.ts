import { dispose, memory, type Rank, randomNormal, type Tensor2D, tensor1d, tensor2d } from '@tensorflow/tfjs-core'
import type { Dataset, Sample } from '@unidiag/core/contracts/dataset'
import type { Fusion } from '@unidiag/core/contracts/encoders'
import type { Task } from '@unidiag/core/contracts/task'
import type { BatchDraft } from '@unidiag/core/data/batch-draft'
import type { VisionLanguageModel } from '@unidiag/core/model'
import { computeGradients, readLosses } from '@unidiag/core/nn/compute-gradients'
import { Parameters } from '@unidiag/core/nn/parameter'
import { Random } from '@unidiag/core/random'
import { Step } from '@unidiag/core/step'
import { describeBackends } from '@unidiag/testing/backends'
import { expect, it } from 'vitest'
import { vqa } from './vqa.js'

const samples: Sample[] = [
  { id: '1', imageId: 'a', image: { file: 'a.jpg' }, text: 'is it?', answers: ['yes'], answerType: 'closed' },
  { id: '2', imageId: 'b', image: { file: 'b.jpg' }, text: 'what?', answers: ['CT', 'scan'], answerType: 'open' },
  { id: '3', imageId: 'c', image: { file: 'c.jpg' }, text: 'what?', answers: ['unheard of'], answerType: 'open' },
]
const toy: Dataset = { name: 'toy', synthetic: false, splits: ['train', 'test'], samples: (split) => (split === 'train' ? samples.slice(0, 2) : samples) }

async function makeTask(options: Record<string, unknown> = {}, datasets: Dataset[] = [toy], width = 4): Promise<{ task: Task; parameters: Parameters }> {
  const parameters = new Parameters(new Random(0))
  const task = await vqa.definition.setup({
    needs: { parameters, fusion: { width } as Fusion, random: new Random(0), datasets } as never,
    options: vqa.definition.options.parse(options),
  })
  return { task, parameters }
}

async function step(task: Task, of: Sample[] = samples): Promise<Step> {
  const draft: BatchDraft = {
    index: 0,
    epoch: 0,
    samples: of,
    pool: of,
    maxLength: 8,
    arrays: {},
    rng: () => new Random(0).rng('x'),
    image: async () => undefined,
  }
  await task.prepare?.(draft)
  return new Step({ model: {} as VisionLanguageModel, batch: { index: 0, epoch: 0, samples: of, arrays: draft.arrays, lost: [] }, training: false })
}

describeBackends('vqa', () => {
  it('has one output an answer of the vocabulary splits, and makes it again from its state', async () => {
    const { task } = await makeTask()
    expect([task.outputs, task.label(0), task.label(1)]).toEqual([3, 'yes', 'ct'])
    const again = await makeTask({ state: JSON.parse(JSON.stringify(task.state)) }, [])
    expect(again.task.outputs).toBe(3)
    expect(again.task.state).toEqual(task.state)
  })

  it('gives targets to every accepted answer and no signal to a question outside the vocabulary', async () => {
    const { task } = await makeTask()
    const at = await step(task)
    expect([...at.get('vqa.targets').dataSync()]).toEqual([1, 0, 0, 0, 1, 1, 0, 0, 0])
    expect([...at.get('vqa.label').dataSync()]).toEqual([0, 1, -1])
  })

  it('computes both losses and the probability of the truth', async () => {
    const logits = tensor2d([
      [2, -1, 0],
      [0, 1, 0.5],
      [1, 1, 1],
    ])
    const rows = [...Array(3)].map((_, i) => [...logits.dataSync()].slice(3 * i, 3 * i + 3))
    const targets = [
      [1, 0, 0],
      [0, 1, 1],
      [0, 0, 0],
    ]
    const softplus = (x: number) => Math.log1p(Math.exp(x))
    const bce = rows.reduce((sum, row, i) => sum + row.reduce((of, x, j) => of + (targets[i][j] ? softplus(-x) : softplus(x)), 0), 0) / 3
    const probability = (row: number[], j: number) => Math.exp(row[j]) / row.reduce((sum, x) => sum + Math.exp(x), 0)
    const { task } = await makeTask()
    const at = await step(task)
    expect(task.loss(logits, at).dataSync()[0]).toBeCloseTo(bce, 5)
    const crossEntropy = (await makeTask({ loss: 'cross-entropy' })).task
    expect(crossEntropy.loss(logits, at).dataSync()[0]).toBeCloseTo(-(Math.log(probability(rows[0], 0)) + Math.log(probability(rows[1], 1))) / 2, 5)
    const truth = [...task.groundTruth(logits, at).dataSync()]
    expect(truth[0]).toBeCloseTo(probability(rows[0], 0), 5)
    expect(truth[1]).toBeCloseTo(probability(rows[1], 1), 5)
    expect(truth[2]).toBe(0)
  })

  it('splits the first layer exactly between text and image', async () => {
    const { task, parameters } = await makeTask()
    parameters.get('vqa_head.0.bias').assign(tensor1d([1, -2, 3, 0.5, 0, 1, 2, -1]))
    const text = tensor2d([[1, 2, 3, 4]])
    const image = tensor2d([[-1, 0.5, 2, 0]])
    const at = await step(task, samples.slice(0, 1))
    const halfBias = parameters.get('vqa_head.0.bias')
    const split = task.unimodal({ text, image }, 'exact-split')
    // Text alone with the whole bias halved is what the head gives for [text, 0] with half a bias.
    halfBias.assign(tensor1d([0.5, -1, 1.5, 0.25, 0, 0.5, 1, -0.5]))
    const zero = tensor2d([[0, 0, 0, 0]])
    const close = (a: Tensor2D, b: Tensor2D) => a.dataSync().forEach((x, i) => void expect(x).toBeCloseTo(b.dataSync()[i], 5))
    close(split.text, task.logits({ text, image: zero }, at))
    close(split.image, task.logits({ text: zero, image }, at))
  })

  it('trains every parameter of its head and leaves no tensor behind', async () => {
    const { task, parameters } = await makeTask()
    expect(parameters.all().map(({ name, shape }) => [name, shape])).toEqual([
      ['vqa_head.0.weight', [8, 8]],
      ['vqa_head.0.bias', [8]],
      ['vqa_head.1.weight', [8]],
      ['vqa_head.1.bias', [8]],
      ['vqa_head.3.weight', [8, 3]],
      ['vqa_head.3.bias', [3]],
    ])
    const at = await step(task)
    const [text, image] = [randomNormal<Rank.R2>([3, 4]), randomNormal<Rank.R2>([3, 4])]
    for (const key of ['vqa.targets', 'vqa.label']) at.get(key)
    const before = memory().numTensors
    const { losses, gradients } = computeGradients(parameters.all(), () => {
      const loss = task.loss(task.logits({ text, image }, at), at)
      return { total: loss, parts: { vqa: loss } }
    })
    expect(readLosses(losses).total).toBeGreaterThan(0)
    expect([...gradients.keys()].sort()).toEqual(
      parameters
        .all()
        .map((p) => p.name)
        .sort(),
    )
    for (const [name, gradient] of gradients) expect(Math.hypot(...gradient.dataSync()), name).toBeGreaterThan(0)
    dispose([...gradients.values()])
    expect(memory().numTensors).toBe(before)
  })

  it('asks which data set has the questions when there are several', async () => {
    await expect(makeTask({}, [toy, { ...toy, name: 'captions' }])).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    expect((await makeTask({ dataset: 'captions' }, [toy, { ...toy, name: 'captions' }])).task.state).toMatchObject({ source: 'captions: train' })
    await expect(makeTask({ dataset: 'other' })).rejects.toMatchObject({ code: 'OPTION_INVALID', message: expect.stringContaining('toy') })
    await expect(makeTask({}, [])).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })
})
