import type { Tensor } from '@tensorflow/tfjs-core'
import type { Gradients } from './contracts/gradient-transform.js'
import type { ComputedGradients, Losses } from './nn/compute-gradients.js'
import { addAll } from './ops/add-all.js'
import { scaleAll } from './ops/scale-all.js'

/** Sums gradients over the micro-batches of an optimiser step, and collects their losses. Owns its tensors until `clear`. */
export class GradientWindow {
  readonly #sums = new Map<string, Tensor>()
  #losses: Losses[] = []
  #count = 0

  /** A micro-batch begins. */
  begin(): void {
    this.#count++
  }

  /** Adds terms of the micro-batch's loss. Takes ownership of the tensors. */
  add({ losses, gradients }: ComputedGradients): void {
    this.#losses.push(losses)
    const again = [...gradients.keys()].filter((name) => this.#sums.has(name))
    const sums = addAll(
      again.map((name) => this.#sums.get(name)!),
      again.map((name) => gradients.get(name)!),
    )
    for (const [name, gradient] of gradients) if (!this.#sums.has(name)) this.#sums.set(name, gradient)
    for (const [i, name] of again.entries()) this.#sums.set(name, sums[i])
  }

  /** Micro-batches so far. */
  get count(): number {
    return this.#count
  }

  /** Of all terms, in the order that they were added. */
  get losses(): readonly Losses[] {
    return this.#losses
  }

  /** Means over the micro-batches, the window's own tensors. To be called once, outside of any tidy. */
  means(): Gradients {
    const means = this.#count > 1 ? scaleAll([...this.#sums.values()], 1 / this.#count) : [...this.#sums.values()]
    for (const [i, name] of [...this.#sums.keys()].entries()) this.#sums.set(name, means[i])
    return new Map(this.#sums)
  }

  clear(): void {
    for (const sum of this.#sums.values()) sum.dispose()
    for (const { values } of this.#losses) values.dispose()
    this.#sums.clear()
    this.#losses = []
    this.#count = 0
  }
}
