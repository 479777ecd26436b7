import { clone, keep, type Tensor, tidy } from '@tensorflow/tfjs-core'
import type { Gradients } from '../contracts/gradient-transform.js'
import type { StepLoss } from '../step.js'
import { noGrad } from './no-grad.js'
import type { Parameter } from './parameter.js'
import { walkBack } from './walk-back.js'

export interface ComputedGradients {
  /** `total` and each part, read back. */
  readonly losses: Record<string, number>
  /** By parameter name; a parameter that the loss does not depend on is absent. The caller owns the tensors. */
  readonly gradients: Gradients
}

/** Runs a step and its backward pass. Leaves no tensor behind but the gradients, also when `f` throws. */
export function computeGradients(parameters: readonly Parameter[], f: () => StepLoss): ComputedGradients {
  const trainable = parameters.filter((p) => p.trainable)
  const parts: Record<string, Tensor> = {}
  const gradients: Gradients = new Map()
  let total = 0
  try {
    const found = tidy(() => {
      const { value, gradients } = walkBack(
        () => {
          const loss = f()
          for (const [name, part] of Object.entries(loss.parts)) parts[name] = keep(noGrad(() => clone(part)))
          return loss.total
        },
        trainable.map((p) => p.value),
      )
      total = value.dataSync()[0]
      return gradients.map((g) => g ?? null) as Tensor[]
    }) as (Tensor | null)[]
    for (const [i, gradient] of found.entries()) if (gradient) gradients.set(trainable[i].name, gradient)
    const losses = Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.dataSync()[0]]))
    return { losses: { ...losses, total }, gradients }
  } finally {
    for (const part of Object.values(parts)) part.dispose()
  }
}
