import { clone, engine, keep, type Scalar, type Tensor, tidy } from '@tensorflow/tfjs-core'
import type { Gradients } from '../contracts/gradient-transform.js'
import type { StepLoss } from '../step.js'
import { noGrad } from './no-grad.js'
import type { Parameter } from './parameter.js'

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
      const { value, grads } = engine().gradients(
        () => {
          const loss = f()
          for (const [name, part] of Object.entries(loss.parts)) parts[name] = keep(noGrad(() => clone(part)))
          releaseAlongTheWay()
          return loss.total
        },
        trainable.map((p) => p.value),
        null as unknown as Scalar,
        true,
      )
      total = value.dataSync()[0]
      // tfjs leaves out what it found no path to.
      return grads.map((g) => g ?? null)
    }) as (Tensor | null)[]
    for (const [i, gradient] of found.entries()) if (gradient) gradients.set(trainable[i].name, gradient)
    const losses = Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.dataSync()[0]]))
    return { losses: { ...losses, total }, gradients }
  } catch (error) {
    disposeTape()
    throw error
  } finally {
    for (const part of Object.values(parts)) part.dispose()
  }
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
