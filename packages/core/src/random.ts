/**
 * Counter-based random numbers: a value depends on (seed, path, index) only, never on how many numbers were drawn before.
 * Generator: Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 */
import { token } from './token.js'

/** One Threefry-2x32-20 block. Writes two 32-bit words to `out`. Unrolled, because dropout draws millions a step. */
export function threefry2x32(key0: number, key1: number, counter0: number, counter1: number, out: Int32Array): void {
  const key2 = key0 ^ key1 ^ 0x1bd11bda
  let x0 = (counter0 + key0) | 0
  let x1 = (counter1 + key1) | 0
  x0 = (x0 + x1) | 0
  x1 = ((x1 << 13) | (x1 >>> 19)) ^ x0
  x0 = (x0 + x1) | 0
  x1 = ((x1 << 15) | (x1 >>> 17)) ^ x0
  x0 = (x0 + x1) | 0
  x1 = ((x1 << 26) | (x1 >>> 6)) ^ x0
  x0 = (x0 + x1) | 0
  x1 = ((x1 << 6) | (x1 >>> 26)) ^ x0
  x0 = (x0 + key1) | 0
  x1 = (x1 + key2 + 1) | 0
  x0 = (x0 + x1) | 0
  x1 = ((x1 << 17) | (x1 >>> 15)) ^ x0
  x0 = (x0 + x1) | 0
  x1 = ((x1 << 29) | (x1 >>> 3)) ^ x0
  x0 = (x0 + x1) | 0
  x1 = ((x1 << 16) | (x1 >>> 16)) ^ x0
  x0 = (x0 + x1) | 0
  x1 = ((x1 << 24) | (x1 >>> 8)) ^ x0
  x0 = (x0 + key2) | 0
  x1 = (x1 + key0 + 2) | 0
  x0 = (x0 + x1) | 0
  x1 = ((x1 << 13) | (x1 >>> 19)) ^ x0
  x0 = (x0 + x1) | 0
  x1 = ((x1 << 15) | (x1 >>> 17)) ^ x0
  x0 = (x0 + x1) | 0
  x1 = ((x1 << 26) | (x1 >>> 6)) ^ x0
  x0 = (x0 + x1) | 0
  x1 = ((x1 << 6) | (x1 >>> 26)) ^ x0
  x0 = (x0 + key0) | 0
  x1 = (x1 + key1 + 3) | 0
  x0 = (x0 + x1) | 0
  x1 = ((x1 << 17) | (x1 >>> 15)) ^ x0
  x0 = (x0 + x1) | 0
  x1 = ((x1 << 29) | (x1 >>> 3)) ^ x0
  x0 = (x0 + x1) | 0
  x1 = ((x1 << 16) | (x1 >>> 16)) ^ x0
  x0 = (x0 + x1) | 0
  x1 = ((x1 << 24) | (x1 >>> 8)) ^ x0
  x0 = (x0 + key1) | 0
  x1 = (x1 + key2 + 4) | 0
  x0 = (x0 + x1) | 0
  x1 = ((x1 << 13) | (x1 >>> 19)) ^ x0
  x0 = (x0 + x1) | 0
  x1 = ((x1 << 15) | (x1 >>> 17)) ^ x0
  x0 = (x0 + x1) | 0
  x1 = ((x1 << 26) | (x1 >>> 6)) ^ x0
  x0 = (x0 + x1) | 0
  x1 = ((x1 << 6) | (x1 >>> 26)) ^ x0
  x0 = (x0 + key2) | 0
  x1 = (x1 + key0 + 5) | 0
  out[0] = x0
  out[1] = x1
}

/** Folds a path of names and numbers into a 64-bit key, each element and its type counting. */
function foldPath(key: Int32Array, path: readonly (string | number)[]): void {
  for (const element of path) {
    const text = typeof element === 'number' ? `#${element}` : `$${element}`
    for (let i = 0; i < text.length; i++) threefry2x32(key[0], key[1], text.charCodeAt(i), i, key)
    threefry2x32(key[0], key[1], text.length, -1, key)
  }
}

/** A reproducible sequence of numbers for one purpose. */
export class Rng {
  readonly #key0: number
  readonly #key1: number
  readonly #block = new Int32Array(2)
  #counter = 0
  #spare = false

  constructor(key0: number, key1: number) {
    this.#key0 = key0
    this.#key1 = key1
  }

  /** Key of the generator; its blocks are counted from 0. */
  get key(): readonly [number, number] {
    return [this.#key0, this.#key1]
  }

  #bits(): number {
    if (this.#spare) {
      this.#spare = false
      return this.#block[1] >>> 0
    }
    threefry2x32(this.#key0, this.#key1, this.#counter | 0, Math.floor(this.#counter / 2 ** 32), this.#block)
    this.#counter++
    this.#spare = true
    return this.#block[0] >>> 0
  }

  /** Uniform in [0, 1), 32 bits. */
  uniform(): number {
    return this.#bits() / 2 ** 32
  }

  /** Uniform integer in [0, n). */
  int(n: number): number {
    return Math.floor(this.uniform() * n)
  }

  /** Standard normal (Box-Muller). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()))
    return radius * Math.cos(2 * Math.PI * this.uniform())
  }

  /** `n` uniforms in [0, 1) as float32. */
  uniforms(n: number): Float32Array {
    const out = new Float32Array(n)
    for (let i = 0; i < n; i++) out[i] = (this.#bits() >>> 8) / 2 ** 24
    return out
  }

  /** `n` standard normals as float32. */
  normals(n: number): Float32Array {
    const out = new Float32Array(n)
    for (let i = 0; i < n; i += 2) {
      const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()))
      const angle = 2 * Math.PI * this.uniform()
      out[i] = radius * Math.cos(angle)
      if (i + 1 < n) out[i + 1] = radius * Math.sin(angle)
    }
    return out
  }

  /** A uniform permutation of 0..n-1 (Fisher-Yates). */
  permutation(n: number): Int32Array {
    const order = Int32Array.from({ length: n }, (_, i) => i)
    for (let i = n - 1; i > 0; i--) {
      const j = this.int(i + 1)
      const held = order[i]
      order[i] = order[j]
      order[j] = held
    }
    return order
  }
}

/** The random source of a run. */
export class Random {
  readonly seed: number

  constructor(seed: number) {
    this.seed = seed
  }

  /** @example random.rng('text-mask', epoch, sampleId) */
  rng(...path: readonly (string | number)[]): Rng {
    const key = Int32Array.of(this.seed | 0, Math.floor(this.seed / 2 ** 32))
    foldPath(key, path)
    return new Rng(key[0], key[1])
  }
}

export const RandomSource = token<Random>('Random')
