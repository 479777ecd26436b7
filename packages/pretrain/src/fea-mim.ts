import type { Scalar, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core'
import { Fusion } from '@unidiag/core/contracts/encoders'
import { Objective } from '@unidiag/core/contracts/objective'
import { batchKeys } from '@unidiag/core/data/batch-keys'
import { UniDiagError } from '@unidiag/core/errors'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import { gatherRows } from '@unidiag/core/ops/gather-rows'
import { concatTokens, sliceTokens } from '@unidiag/core/ops/tokens'
import { definePlugin } from '@unidiag/core/plugin'
import type { Step } from '@unidiag/core/step'
import { optional } from '@unidiag/core/token'
import { z } from 'zod'
import { featureProjection } from './feature-projection.js'
import { MimDecoder } from './mim-decoder.js'
import { squaredError } from './squared-error.js'
import { projectedTarget, targetOptions, teacherFeatures } from './targets/teacher-features.js'

const options = z.strictObject({
  /**
   * Which places are compared (the paper leaves it open).
   * `visible`: class token and kept patches, P(4) as written. `decoder`: removed patches, predicted by the pixel decoder.
   * `code`: the released reading, where removed patches are the mask token, so that no gradient reaches the encoders.
   */
  mode: z.enum(['visible', 'decoder', 'code']).default('visible'),
  /** Width of the latent space; not used by `code` and by `decoderEmbed`. */
  feaDim: z.int().positive().default(384),
  /** h^I: a projection of its own, `feai_proj`, or the decoder's `decoder_embed` (which `code` always uses). */
  projection: z.enum(['own', 'decoderEmbed']).default('own'),
  /** Whether `visible` compares the class token as well as the kept patches. */
  classToken: z.boolean().default(true),
  ...targetOptions,
})

/**
 * Feature masked image modelling (P(4), reference: objectives.py): student image features of the masked pair towards the teacher's of the whole pair.
 * Objective `feaMim`, parameters `feai_proj.*`, and `feai_pred.*` in mode `decoder`.
 */
export const feaMim = definePlugin({
  name: '@unidiag/pretrain/fea-mim',
  provides: Objective,
  needs: { parameters: ParameterStore, fusion: Fusion, decoder: optional(MimDecoder) },
  options,
  setup({ needs: { parameters, fusion, decoder }, options: { mode, feaDim, projection, classToken, ...how } }): Objective {
    const needDecoder = (): MimDecoder => {
      if (decoder) return decoder
      throw new UniDiagError('PLUGIN_MISSING', 'fea-mim with these options works through the decoder of masked image modelling', {
        fix: "Add the plugin @unidiag/pretrain/mim-decoder, or use fea-mim's mode `visible` with projection `own`.",
      })
    }
    const make = (): Compare => {
      if (mode === 'code') return maskTokens(needDecoder())
      const own = projection === 'own' ? featureProjection(parameters, 'feai_proj', fusion.width, feaDim) : undefined
      const project: Project = own ? (x) => own.apply(x) : needDecoder().embed.bind(decoder)
      if (mode === 'visible') return visibleTokens(project, classToken)
      const predict = featureProjection(parameters, 'feai_pred', needDecoder().width, own ? feaDim : needDecoder().width)
      return decodedTokens(needDecoder(), project, (x) => predict.apply(x))
    }
    const compare = make()
    const target = (project: () => Tensor3D): Tensor3D => projectedTarget(how, project)
    return { name: 'feaMim', loss: (step) => compare(step, target) }
  },
})

type Project = (features: Tensor3D) => Tensor3D
type Compare = (step: Step, target: (project: () => Tensor3D) => Tensor3D) => Scalar

const masked = { image: 'masked', text: 'masked' } as const

/** Tokens without the class token. */
const patches = (tokens: Tensor3D): Tensor3D => sliceTokens(tokens, 1)

/** Student and teacher on the places that both have: the kept patches in the student's order, and the class token. */
const visibleTokens =
  (project: Project, classToken: boolean): Compare =>
  (step, target) => {
    const student = step.student(masked).image
    const teacher = teacherFeatures(step).image
    const kept = gatherRows(patches(teacher), step.get<Tensor2D>(batchKeys.imageKeep))
    const prediction = project(classToken ? student : patches(student))
    return squaredError(
      prediction,
      target(() => project(classToken ? concatTokens(sliceTokens(teacher, 0, 1), kept) : kept)),
    )
  }

/** What the pixel decoder makes of removed places, towards the teacher's projected features there. */
const decodedTokens =
  (decoder: MimDecoder, project: Project, predict: Project): Compare =>
  (step, target) => {
    const decoded = decoder.decode(step.student(masked).image, step.get<Tensor2D>(batchKeys.imageRestore), step.forward('feaMim'))
    const labels = target(() => project(patches(teacherFeatures(step).image)))
    return squaredError(predict(patches(decoded)), labels, step.get<Tensor2D>(batchKeys.imageRemoved))
  }

/** The released code: embedded student tokens with the mask token at removed places, compared there before any decoding. */
const maskTokens =
  (decoder: MimDecoder): Compare =>
  (step, target) => {
    const forward = step.forward('feaMim')
    const restored = decoder.unshuffle(decoder.embed(step.student(masked).image), step.get<Tensor2D>(batchKeys.imageRestore))
    const prediction = forward.tap('feai_logits', patches(restored))
    const labels = forward.tap(
      'feai_labels',
      target(() => patches(decoder.embed(teacherFeatures(step).image))),
    )
    return squaredError(prediction, labels, step.get<Tensor2D>(batchKeys.imageRemoved))
  }
