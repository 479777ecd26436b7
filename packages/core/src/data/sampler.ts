import type { Random } from '../random.js'

/** Order in which an epoch visits its samples: a permutation that depends on (seed, stage, epoch) only, or file order. */
export class Sampler {
  readonly #size: number
  readonly #order: ((epoch: number) => Int32Array) | undefined
  #epoch = -1
  #current: Int32Array = new Int32Array(0)

  constructor(size: number, shuffle: { readonly random: Random; readonly stage: string } | undefined) {
    this.#size = size
    this.#order = shuffle && ((epoch) => shuffle.random.rng('shuffle', shuffle.stage, epoch).permutation(size))
  }

  /** Indices of the samples `start` to `end` of an epoch. */
  slice(epoch: number, start: number, end: number): Int32Array {
    if (epoch !== this.#epoch) {
      this.#current = this.#order?.(epoch) ?? Int32Array.from({ length: this.#size }, (_, i) => i)
      this.#epoch = epoch
    }
    return this.#current.slice(start, end)
  }
}
