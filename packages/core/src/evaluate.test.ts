import { memory, type Tensor2D, zeros } from '@tensorflow/tfjs-core'
import { useBackend } from '@unidiag/testing/backends'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { toyImages, toyModel, toySamples, toyTokenizer } from '../test/toy.js'
import type { Dataset } from './contracts/dataset.js'
import type { Evaluator, Task } from './contracts/task.js'
import { UniDiagError } from './errors.js'
import { type EvaluateOptions, evaluate } from './evaluate.js'
import { Parameters } from './nn/parameter.js'
import { Random } from './random.js'

useBackend()
let options: EvaluateOptions
let added: { logits: Float32Array; ids: string[] }[]
let parameters: Parameters
const dataset: Dataset = { name: 'toy', synthetic: true, splits: ['test'], samples: () => toySamples(7) }

beforeAll(() => {
  parameters = new Parameters(new Random(1))
  const task = {
    name: 'toy',
    outputs: 4,
    logits: (pooled, step) => {
      expect(step.training).toBe(false)
      return pooled.text
    },
    prepare: (draft) => {
      draft.arrays.prepared = { data: new Float32Array(1), shape: [1] }
    },
    evaluator: (): Evaluator => {
      added = []
      return {
        add: (logits, samples) => added.push({ logits, ids: samples.map((s) => s.id) }),
        score: ({ split, lost }) => ({
          primary: 'x',
          metrics: {},
          protocol: { task: 'toy', dataset: 'toy', synthetic: true, split, splitHash: '', samples: added.flatMap((a) => a.ids).length, lost, details: {} },
        }),
      }
    },
  } as Partial<Task> as Task
  const loader = { tokenizer: toyTokenizer, images: toyImages, parts: [] }
  options = { model: toyModel(parameters), task, dataset, split: 'test', loader, batchSize: 3, pooling: 'mean', random: new Random(1) }
})
afterAll(() => parameters.dispose())

const broken = (...at: number[]): EvaluateOptions => ({
  ...options,
  loader: {
    ...options.loader,
    images: {
      size: 2,
      load: async (image) => {
        if (at.includes(Number((image as { file: string }).file))) throw new UniDiagError('IMAGE_UNREADABLE', 'truncated')
        return toyImages.load(image)
      },
    },
  },
})

describe('evaluate', () => {
  it('scores a split in file order and leaves no tensor', async () => {
    const before = memory().numTensors
    const score = await evaluate(options)
    expect(score.protocol).toMatchObject({ split: 'test', samples: 7, lost: 0 })
    expect(added.map((a) => [a.ids.join(), a.logits.length])).toEqual([
      ['s0,s1,s2', 12],
      ['s3,s4,s5', 12],
      ['s6', 4],
    ])
    expect(memory().numTensors).toBe(before)
  })

  it('does not depend on the size of the batches', async () => {
    const logits = async (batchSize: number) => {
      await evaluate({ ...options, batchSize })
      return added.flatMap((a) => [...a.logits])
    }
    const whole = await logits(7)
    for (const [i, value] of (await logits(2)).entries()) expect(value).toBeCloseTo(whole[i], 5)
  })

  it('counts lost samples and names them', async () => {
    const lost: string[] = []
    const score = await evaluate({ ...broken(1, 3, 4, 5), onLost: ({ id }) => lost.push(id) })
    expect(score.protocol).toMatchObject({ samples: 3, lost: 4 })
    expect(lost.sort()).toEqual(['s1', 's3', 's4', 's5'])
    expect(added.map((a) => a.ids.join())).toEqual(['s0,s2', 's6'])
  })

  it('scores chosen samples', async () => {
    expect((await evaluate({ ...options, samples: toySamples(2) })).protocol.samples).toBe(2)
  })

  it('refuses when nothing could be scored', async () => {
    await expect(evaluate(broken(0, 1, 2, 3, 4, 5, 6))).rejects.toMatchObject({
      code: 'NO_SAMPLES',
      message: expect.stringMatching(/"test" of toy .*7 in all/),
    })
    await expect(evaluate({ ...options, samples: [] })).rejects.toMatchObject({ code: 'NO_SAMPLES' })
  })

  it('leaves no tensor when the evaluator or the head fails', async () => {
    const before = memory().numTensors
    const failing = (task: Partial<Task>) => evaluate({ ...options, task: { ...options.task, ...task } as Task })
    const evaluator = (): Evaluator => ({
      add: () => {
        throw new Error('broken')
      },
      score: () => null as never,
    })
    await expect(failing({ evaluator })).rejects.toThrow('broken')
    const logits = (): Tensor2D => {
      zeros([2, 2])
      throw new Error('broken')
    }
    await expect(failing({ logits })).rejects.toThrow('broken')
    expect(memory().numTensors).toBe(before)
  })
})
