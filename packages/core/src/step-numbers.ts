import type { Tensor1D } from '@tensorflow/tfjs-core'
import { runsAhead } from './backend/runs-ahead.js'
import { UniDiagError } from './errors.js'

export interface StepNumbers {
  /** `total` and each part, means over the micro-batches. */
  readonly losses: Record<string, number>
  /** L2 norm of all gradients, after the transforms and before clipping. */
  readonly gradientNorm: number
}

export interface NumbersOptions {
  readonly stage: string
  /** The first is 1. */
  readonly step: number
  readonly microBatches: number
  /** Names of the losses of each term that was walked back by itself. */
  readonly terms: readonly (readonly string[])[]
}

/**
 * Reads all numbers of an optimiser step at once; that they are computed is waited for here and nowhere else. Takes ownership of the tensor.
 * @param values the losses of all terms, then the norm
 * @throws UniDiagError GRADIENT_NONFINITE
 */
export async function readNumbers(values: Tensor1D, { stage, step, microBatches, terms }: NumbersOptions): Promise<StepNumbers> {
  const coming = values.data()
  // A backend that runs ahead has the copy under way; another may need the tensor until it is done.
  if (runsAhead()) values.dispose()
  const numbers = [...(await coming.finally(() => values.dispose()))]
  const sums: Record<string, number> = {}
  for (const names of terms) {
    const losses = numbers.splice(0, names.length)
    if (!losses.every(Number.isFinite)) {
      const all = names.map((name, i) => `${name} ${losses[i]}`)
      throw new UniDiagError('GRADIENT_NONFINITE', `${stage}: the loss of step ${step} is not finite (${all.join(', ')})`)
    }
    for (const [i, name] of names.entries()) sums[name] = (sums[name] ?? 0) + losses[i]
  }
  const [gradientNorm] = numbers
  if (!Number.isFinite(gradientNorm)) throw new UniDiagError('GRADIENT_NONFINITE', `${stage}: the gradient of step ${step} is not finite`)
  return { losses: Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / microBatches])), gradientNorm }
}
