import { tidy } from '@tensorflow/tfjs-core'
import { Fusion, ImageEncoder, TextEncoder } from '@unidiag/core/contracts/encoders'
import { type BatchPart, Masker, Objective } from '@unidiag/core/contracts/objective'
import { Teacher } from '@unidiag/core/contracts/teacher'
import { VisionLanguageModel } from '@unidiag/core/model'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import type { Pipeline } from '@unidiag/core/pipeline'
import type { AnyPlugin, Plugin } from '@unidiag/core/plugin'
import { RandomSource } from '@unidiag/core/random'
import { Step } from '@unidiag/core/step'
import { describe, expect, it } from 'vitest'
import { useBackend } from '../backends.js'
import { tinyBatch, tinySamples } from '../tiny-data.js'
import { expectFinite, expectGradientReaches, expectNoLeak, gradientsOf, ownParameters, withTiny } from './tiny-pipeline.js'

export interface ObjectiveCheck {
  /** What else the objective needs: maskers, a decoder, a teacher. */
  readonly with?: () => readonly AnyPlugin[]
  /** Its parameters that are right to get no gradient. */
  readonly withoutGradient?: readonly string[]
}

/**
 * What every objective has to do, on the tiny model.
 * @example describeObjective('mlm', () => mlm(), { with: () => [textMask({ ratio: 0.4 })] })
 */
export function describeObjective(name: string, make: () => Plugin<Objective>, check: ObjectiveCheck = {}): void {
  describe(`${name} as an objective`, () => {
    useBackend()
    const others = () => check.with?.() ?? []
    const plugins = () => [...others(), make()]

    /** A step over `samples` tiny samples; `at` counts batches, so that each is masked in its own way. */
    const stepOf = async (pipeline: Pipeline, { samples = 4, at = 0, training = true } = {}) => {
      const objective = pipeline.getAll(Objective)[0]
      const parts: BatchPart[] = [...pipeline.getAll(Masker), objective]
      const batch = await tinyBatch({ samples: tinySamples(samples), pool: tinySamples(8), epoch: at, parts })
      const model = new VisionLanguageModel({ image: pipeline.get(ImageEncoder), text: pipeline.get(TextEncoder), fusion: pipeline.get(Fusion) })
      const random = pipeline.get(RandomSource)
      const teacher = others().some((plugin) => plugin.definition.provides === Teacher) ? pipeline.get(Teacher) : undefined
      if (teacher && teacher.values.size === 0) teacher.start()
      return () => objective.loss(new Step({ model, batch, training, rng: (...path) => random.rng('step', at, ...path), ...(teacher && { teacher }) }))
    }

    it('is a finite scalar, of one sample too', () =>
      withTiny(plugins(), async (pipeline) => {
        for (const samples of [4, 3, 1]) {
          const loss = await stepOf(pipeline, { samples })
          tidy(() => expectFinite(loss(), []))
        }
      }))

    it('has a gradient for every parameter of its own, and for the model', () =>
      withTiny(plugins(), async (pipeline) => {
        const own = (await ownParameters(pipeline, [])).filter((parameter) => !check.withoutGradient?.includes(parameter.name))
        const loss = await stepOf(pipeline)
        const model = pipeline.get(ParameterStore).trainable()
        tidy(() => {
          expectGradientReaches(own, loss)
          expect(gradientsOf(model, loss).size, 'parameters with a gradient').toBeGreaterThan(0)
        })
      }))

    it('leaves no tensor behind', () =>
      withTiny(plugins(), async (pipeline) => {
        const losses = [await stepOf(pipeline, { training: false }), await stepOf(pipeline), await stepOf(pipeline, { at: 1 })]
        for (const loss of losses) {
          expectNoLeak(loss)
          expectNoLeak(() => gradientsOf(pipeline.get(ParameterStore).trainable(), loss))
        }
      }))

    it('follows from the seed', async () => {
      const losses = (seed: number) =>
        withTiny(
          plugins(),
          async (pipeline) => {
            const values: number[] = []
            for (const at of [0, 1]) {
              const loss = await stepOf(pipeline, { at })
              tidy(() => void values.push(loss().dataSync()[0]))
            }
            return values
          },
          seed,
        )
      expect(await losses(1)).toEqual(await losses(1))
      expect(await losses(1)).not.toEqual(await losses(2))
    })
  })
}
