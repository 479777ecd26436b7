import { add, mul, type Tensor } from '@tensorflow/tfjs-core'
import type { Gradients } from './contracts/gradient-transform.js'
import type { ComputedGradients } from './nn/compute-gradients.js'

/** Sums gradients and losses over the micro-batches of an optimiser step. Owns its tensors until `clear`. */
export class GradientWindow {
  readonly #sums = new Map<string, Tensor>()
  readonly #losses = new Map<string, number>()
  #count = 0

  /** A micro-batch begins. */
  begin(): void {
    this.#count++
  }

  /** Adds terms of the micro-batch's loss. Takes ownership of the gradients. */
  add({ losses, gradients }: ComputedGradients): void {
    for (const [name, loss] of Object.entries(losses)) this.#losses.set(name, (this.#losses.get(name) ?? 0) + loss)
    for (const [name, gradient] of gradients) {
      const sum = this.#sums.get(name)
      this.#sums.set(name, sum ? add(sum, gradient) : gradient)
      if (sum) {
        sum.dispose()
        gradient.dispose()
      }
    }
  }

  get empty(): boolean {
    return this.#count === 0
  }

  /** Means over the micro-batches. */
  losses(): Record<string, number> {
    return Object.fromEntries(Array.from(this.#losses, ([name, sum]) => [name, sum / this.#count]))
  }

  /** Means over the micro-batches. To be called in a tidy; of one micro-batch they are the window's own tensors. */
  gradients(): Gradients {
    if (this.#count === 1) return new Map(this.#sums)
    return new Map(Array.from(this.#sums, ([name, sum]) => [name, mul(sum, 1 / this.#count)]))
  }

  clear(): void {
    for (const sum of this.#sums.values()) sum.dispose()
    this.#sums.clear()
    this.#losses.clear()
    this.#count = 0
  }
}
