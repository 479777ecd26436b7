import { clone, engine, keep, type Scalar, stack, type Tensor, type Tensor1D, tidy } from '@tensorflow/tfjs-core'
import type { Gradients } from '../contracts/gradient-transform.js'
import type { StepLoss } from '../step.js'
import { noGrad } from './no-grad.js'
import type { Parameter } from './parameter.js'

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
  let losses = undefined as Losses | undefined
  try {
    const [values, ...found] = tidy(() => {
      const { grads } = engine().gradients(
        () => {
          const { parts, total } = f()
          const numbers = noGrad(() => stack([...Object.values(parts), total])) as Tensor1D
          losses = { names: [...Object.keys(parts), 'total'], values: keep(numbers) }
          releaseAlongTheWay()
          return total
        },
        trainable.map((p) => p.value),
        null as unknown as Scalar,
        true,
      )
      // tfjs leaves out what it found no path to.
      return [clone(losses!.values), ...grads.map((g) => g ?? null)]
    }) as [Tensor1D, ...(Tensor | null)[]]
    const gradients: Gradients = new Map()
    for (const [i, gradient] of found.entries()) if (gradient) gradients.set(trainable[i].name, gradient)
    return { losses: { names: losses!.names, values }, gradients }
  } catch (error) {
    disposeTape()
    throw error
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

interface TapeEngine {
  readonly state: { gradientDepth: number; activeTape: TapeNode[] | null }
}

interface TapeNode {
  gradient?: (dys: Tensor[]) => Record<string, () => Tensor>
  readonly saved?: Tensor[]
}

/**
 * tfjs keeps what recorded operators saved until the backward pass ends. Here it goes as the pass walks back: when the next operator's gradient
 * begins, the last one's has been computed. That lowers the peak of memory by what the activations have in common with the gradients.
 */
function releaseAlongTheWay(): void {
  const { state } = engine() as unknown as TapeEngine
  if (state.gradientDepth > 1) return
  let done: readonly Tensor[] = []
  for (const node of state.activeTape ?? []) {
    const { gradient, saved = [] } = node
    if (!gradient) continue
    node.gradient = (dys) => {
      for (const tensor of done) tensor.dispose()
      done = saved
      return gradient(dys)
    }
  }
}

/** A forward pass that throws has no backward pass, at whose end tfjs would dispose of what was saved. */
function disposeTape(): void {
  const { state } = engine() as unknown as TapeEngine
  if (state.gradientDepth > 0 || !state.activeTape) return
  for (const node of state.activeTape) for (const saved of node.saved ?? []) saved.dispose()
  state.activeTape = null
}
