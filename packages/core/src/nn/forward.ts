import type { Tensor } from '@tensorflow/tfjs-core'
import type { Rng } from '../random.js'

/** What a forward pass knows of its surroundings; handed down to every layer. */
export class Forward {
  /** Whether dropout is on. */
  readonly training: boolean
  readonly #rng: ((call: number) => Rng) | undefined
  readonly #tap: ((name: string, value: Tensor) => void) | undefined
  #calls = 0

  /**
   * @param rng gives the random numbers of the n-th dropout of this pass; needed when `training`
   * @param tap sees named intermediate values (reference module names); used by parity checks
   */
  constructor({ training, rng, tap }: { training: boolean; rng?: (call: number) => Rng; tap?: (name: string, value: Tensor) => void }) {
    this.training = training
    this.#rng = rng
    this.#tap = tap
  }

  /** Random numbers of the next dropout. */
  nextRng(): Rng {
    if (!this.#rng) throw new Error('a training pass needs random numbers')
    return this.#rng(this.#calls++)
  }

  get tapped(): boolean {
    return this.#tap !== undefined
  }

  /** Shows an intermediate value under its reference name. Returns the value. */
  tap<T extends Tensor>(name: string, value: T): T {
    this.#tap?.(name, value)
    return value
  }
}

/** An inference pass. */
export const inference = (): Forward => new Forward({ training: false })
