import { tidy } from '@tensorflow/tfjs-core'
import { Dataset } from '@unidiag/core/contracts/dataset'
import { Fusion, ImageEncoder, TextEncoder } from '@unidiag/core/contracts/encoders'
import { Task } from '@unidiag/core/contracts/task'
import { VisionLanguageModel } from '@unidiag/core/model'
import type { Pipeline } from '@unidiag/core/pipeline'
import type { Plugin } from '@unidiag/core/plugin'
import { RandomSource } from '@unidiag/core/random'
import { Step } from '@unidiag/core/step'
import { describe, expect, it } from 'vitest'
import { useBackend } from '../backends.js'
import { tinyBatch } from '../tiny-data.js'
import { expectFinite, expectGradientReaches, expectNoLeak, gradientsOf, ownParameters, withTiny } from './tiny-pipeline.js'

export interface TaskCheck {
  /** Parameters that the loss is right not to depend on: a bias that all outputs share cancels out in a softmax. */
  readonly withoutGradient?: readonly string[]
}

/**
 * What every task has to do, on the tiny model and the tiny data set's yes/no questions.
 * @example describeTask('vqa', () => vqa())
 */
export function describeTask(name: string, make: () => Plugin<Task>, { withoutGradient = [] }: TaskCheck = {}): void {
  describe(`${name} as a task`, () => {
    useBackend()
    const view = { image: 'full', text: 'full' } as const
    const stepOf = async (pipeline: Pipeline, training = true) => {
      const task = pipeline.get(Task)
      task.begin?.({ trained: false })
      const dataset = pipeline.getAll(Dataset)[0]
      const batch = await tinyBatch({ samples: dataset.samples('train').slice(0, 4), parts: [task] })
      const model = new VisionLanguageModel({ image: pipeline.get(ImageEncoder), text: pipeline.get(TextEncoder), fusion: pipeline.get(Fusion) })
      const random = pipeline.get(RandomSource)
      return () => new Step({ model, batch, training, rng: (...path) => random.rng('step', ...path) })
    }

    it('has logits and a finite loss', () =>
      withTiny([make()], async (pipeline) => {
        const task = pipeline.get(Task)
        const step = (await stepOf(pipeline))()
        tidy(() => {
          const logits = task.logits(step.pooled(task.view ?? view, 'mean'), step)
          expectFinite(logits, [4, task.outputs])
          expectFinite(task.loss(logits, step), [])
          const truth = task.groundTruth(logits, step)
          expectFinite(truth, [4])
          for (const p of truth.dataSync()) expect(p >= 0 && p <= 1, String(p)).toBe(true)
        })
      }))

    it.each(['exact-split', 'code'] as const)('has logits of each modality alone, by %s', (mode) =>
      withTiny([make()], async (pipeline) => {
        const task = pipeline.get(Task)
        const step = (await stepOf(pipeline, false))()
        tidy(() => {
          const { text, image } = task.unimodal(step.pooled(task.view ?? view, 'mean'), mode)
          expectFinite(text, [4, task.outputs])
          expectFinite(image, [4, task.outputs])
        })
      }),
    )

    it('has a gradient for every parameter of its own, and leaves no tensor behind', () =>
      withTiny([make()], async (pipeline) => {
        const task = pipeline.get(Task)
        const own = await ownParameters(pipeline, [])
        const make = await stepOf(pipeline)
        const loss = () => {
          const step = make()
          return task.loss(task.logits(step.pooled(task.view ?? view, 'mean'), step), step)
        }
        expectNoLeak(() => expectGradientReaches(own, loss, withoutGradient))
        expectNoLeak(() => gradientsOf(own, loss))
      }))

    it('scores predictions with their protocol', () =>
      withTiny([make()], (pipeline) => {
        const task = pipeline.get(Task)
        const dataset = pipeline.getAll(Dataset)[0]
        const samples = dataset.samples('test')
        const evaluator = task.evaluator()
        evaluator.add(
          Float32Array.from({ length: samples.length * task.outputs }, (_, i) => Math.sin(i)),
          samples,
        )
        const { primary, metrics, protocol } = evaluator.score({ dataset, split: 'test', lost: 1 })
        expect(metrics).toHaveProperty([primary])
        for (const { value, interval, n } of Object.values(metrics)) {
          expect(interval[0] <= value && value <= interval[1], `${value} in ${interval}`).toBe(true)
          expect(n).toBeLessThanOrEqual(samples.length)
        }
        expect(protocol).toMatchObject({ task: task.name, dataset: dataset.name, split: 'test', samples: samples.length, lost: 1 })
      }))

    it('labels every output, and has a state that is plain data', () =>
      withTiny([make()], (pipeline) => {
        const task = pipeline.get(Task)
        const labels = Array.from({ length: task.outputs }, (_, i) => task.label(i))
        expect(new Set(labels).size).toBe(task.outputs)
        expect(JSON.parse(JSON.stringify(task.state))).toEqual(task.state)
      }))
  })
}
