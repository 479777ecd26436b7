import { clone, keep, stack, type Tensor1D, tidy } from '@tensorflow/tfjs-core'
import type { Gradients } from '../contracts/gradient-transform.js'
import type { StepLoss } from '../step.js'
import { noGrad } from './no-grad.js'
import type { Parameter } from './parameter.js'
import { walkBack } from './walk-back.js'

/** Each part of a loss, and last their `total`, where they were computed. */
export interface Losses {
  readonly names: readonly string[]
  /** One a name. */
  readonly values: Tensor1D
}

export interface ComputedGradients {
  readonly losses: Losses
  /** By parameter name; a parameter that the loss does not depend on is absent. */
  readonly gradients: Gradients
}

/** Runs a step and its backward pass. Leaves no tensor behind but the losses and the gradients, which are the caller's; also when `f` throws. */
export function computeGradients(parameters: readonly Parameter[], f: () => StepLoss): ComputedGradients {
  const trainable = parameters.filter((p) => p.trainable)
  const gradients: Gradients = new Map()
  let losses = undefined as Losses | undefined
  try {
    const [values] = tidy(() => {
      const found = walkBack(
        () => {
          const { parts, total } = f()
          const numbers = noGrad(() => stack([...Object.values(parts), total])) as Tensor1D
          losses = { names: [...Object.keys(parts), 'total'], values: keep(numbers) }
          return total
        },
        trainable.map((p) => p.value),
      )
      for (const [i, gradient] of found.gradients.entries()) if (gradient) gradients.set(trainable[i].name, gradient)
      return [clone(losses!.values), ...gradients.values()]
    }) as [Tensor1D]
    return { losses: { names: losses!.names, values }, gradients }
  } finally {
    losses?.values.dispose()
  }
}

/** Losses as numbers, by name. Waits for them, and disposes of their tensor. */
export function readLosses({ names, values }: Losses): Record<string, number> {
  const numbers = values.dataSync()
  values.dispose()
  return Object.fromEntries(names.map((name, i) => [name, numbers[i]]))
}
