import type { ParityGroup, Tolerance } from './report.js'

type Numbers = ArrayLike<number>

/** Collects the errors of one group. */
export class Comparison {
  readonly #name: string
  readonly #tolerance: Tolerance
  readonly #missing: string[] = []
  #count = 0
  #worst: { tensor: string; error: number } | undefined

  constructor(name: string, tolerance: Tolerance) {
    this.#name = name
    this.#tolerance = tolerance
  }

  /** Compares two tensors in the same order of elements; `ours` undefined, or of another size, counts as missing. */
  tensor(name: string, ours: Numbers | undefined, reference: Numbers): void {
    if (ours?.length !== reference.length) {
      this.#missing.push(name)
      return
    }
    let difference = 0
    let scale = this.#tolerance.floor
    for (let i = 0; i < reference.length; i++) {
      scale = Math.max(scale, Math.abs(reference[i]))
      const error = Math.abs(ours[i] - reference[i])
      // NaN has to fail, and would lose every comparison; JSON knows no infinity.
      if (!(error <= difference)) difference = Number.isFinite(error) ? error : Number.MAX_VALUE
    }
    this.#note(name, Math.min(difference / scale, Number.MAX_VALUE))
  }

  number(name: string, ours: number | undefined, reference: number): void {
    this.tensor(name, ours === undefined ? undefined : [ours], [reference])
  }

  /** Every number of `reference`, by name. @param skip names that are not ours to give */
  numbers(ours: (name: string) => number | undefined, reference: Readonly<Record<string, number>>, skip: (name: string) => boolean = () => false): void {
    for (const [name, value] of Object.entries(reference)) if (!skip(name)) this.number(name, ours(name), value)
  }

  /** Equal as sets, or not. */
  names(what: string, ours: Iterable<string>, reference: Iterable<string>): void {
    const [a, b] = [new Set(ours), new Set(reference)]
    const odd = [...a].filter((name) => !b.has(name)).concat([...b].filter((name) => !a.has(name)))
    this.#note(odd.length === 0 ? what : `${what}: ${odd[0]}`, odd.length === 0 ? 0 : 1)
  }

  result(): ParityGroup {
    const worst = this.#worst
    return {
      name: this.#name,
      tensors: this.#count,
      tolerance: this.#tolerance,
      worst,
      missing: this.#missing,
      passed: this.#missing.length === 0 && this.#count > 0 && (worst?.error ?? 0) <= this.#tolerance.relative,
    }
  }

  #note(tensor: string, error: number): void {
    this.#count++
    if (!this.#worst || error > this.#worst.error) this.#worst = { tensor, error }
  }
}
