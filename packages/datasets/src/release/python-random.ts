const N = 624
const M = 397

/**
 * The generator of Python's module `random` (MT19937, Matsumoto and Nishimura 1998) with the seeding and the shuffle of Python 3, so that splits that were
 * once drawn with `random.seed(42)` can be drawn again.
 */
export class PythonRandom {
  readonly #state = new Uint32Array(N)
  #next = N

  /** @param seed an integer, as for `random.seed`: its absolute value counts */
  constructor(seed: number) {
    const size = Math.abs(seed)
    const low = size % 2 ** 32
    const high = Math.floor(size / 2 ** 32)
    this.#seed(high > 0 ? [low, high] : [low])
  }

  /** `random.shuffle`, in place */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.#below(i + 1)
      const item = items[i]
      items[i] = items[j]
      items[j] = item
    }
    return items
  }

  /** `random.getrandbits`, at most 32 of them */
  bits(count: number): number {
    return this.#uint32() >>> (32 - count)
  }

  #below(count: number): number {
    const width = 32 - Math.clz32(count)
    let drawn = this.bits(width)
    while (drawn >= count) drawn = this.bits(width)
    return drawn
  }

  #uint32(): number {
    if (this.#next === N) this.#turn()
    let y = this.#state[this.#next++]
    y ^= y >>> 11
    y ^= (y << 7) & 0x9d2c5680
    y ^= (y << 15) & 0xefc60000
    return (y ^ (y >>> 18)) >>> 0
  }

  #turn(): void {
    const state = this.#state
    for (let i = 0; i < N; i++) {
      const y = (state[i] & 0x80000000) | (state[(i + 1) % N] & 0x7fffffff)
      state[i] = state[(i + M) % N] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0)
    }
    this.#next = 0
  }

  #seed(key: readonly number[]): void {
    const state = this.#state
    const mixed = (i: number): number => state[i - 1] ^ (state[i - 1] >>> 30)
    state[0] = 19650218
    for (let i = 1; i < N; i++) state[i] = Math.imul(1812433253, mixed(i)) + i
    let i = 1
    const advance = (): void => {
      if (++i < N) return
      state[0] = state[N - 1]
      i = 1
    }
    for (let k = 0; k < N; k++) {
      const j = k % key.length
      state[i] = (state[i] ^ Math.imul(mixed(i), 1664525)) + key[j] + j
      advance()
    }
    for (let k = 1; k < N; k++) {
      state[i] = (state[i] ^ Math.imul(mixed(i), 1566083941)) - i
      advance()
    }
    state[0] = 0x80000000
  }
}
