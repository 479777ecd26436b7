import type { Tensor3D } from '@tensorflow/tfjs-core'
import { noGrad } from '@unidiag/core/nn/no-grad'
import type { Features, Step } from '@unidiag/core/step'
import { z } from 'zod'
import { standardised } from './standardised.js'

/** Features of the slowly moving teacher for the undamaged pair, as a reconstruction target; no gradient flows into them (P(3), P(4)). */
export const teacherFeatures = (step: Step): Features => step.teacher({ image: 'full', text: 'full' })

/** What the objectives on features can do to their projected target. */
export const targetOptions = {
  /** Keep the gradient out of h where it projects the target. */
  stopGradient: z.boolean().default(false),
  /** Standardise each projected target vector, so that it cannot shrink with h. */
  normTarget: z.boolean().default(false),
}

/** The projected target under these options. @param project computes h of the teacher's features */
export function projectedTarget(
  { stopGradient, normTarget }: { readonly stopGradient: boolean; readonly normTarget: boolean },
  project: () => Tensor3D,
): Tensor3D {
  const target = () => (normTarget ? standardised(project()) : project())
  return stopGradient ? noGrad(target) : target()
}
