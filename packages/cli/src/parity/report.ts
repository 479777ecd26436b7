import type { Precision } from '@unidiag/core/backend/engines'

/** How far one group of numbers may be from the reference. */
export interface Tolerance {
  /** Largest |ours - reference| of a tensor, over the largest |reference| of that tensor. */
  readonly relative: number
  /** Tensors whose largest value is smaller are measured against this instead: the absolute tolerance over the relative one. */
  readonly floor: number
}

/** The result of one group. */
export interface ParityGroup {
  readonly name: string
  /** Numbers that were recomputed: tensors, scalars and lists. */
  readonly tensors: number
  readonly tolerance: Tolerance
  /** The largest relative error, and whose it is. */
  readonly worst: { readonly tensor: string; readonly error: number } | undefined
  /** What the folder holds and the recomputation does not give, or of another size. */
  readonly missing: readonly string[]
  readonly passed: boolean
}

/** What was left out, and why. */
export interface NotCovered {
  readonly what: string
  readonly why: string
}

export interface ParityReport {
  readonly dir: string
  readonly backend: string
  readonly precision: Precision
  readonly groups: readonly ParityGroup[]
  readonly notCovered: readonly NotCovered[]
  readonly passed: boolean
}

const parameters = { relative: 1e-3, floor: 0.3 }

/**
 * Relative tolerances are those the project promises; floors come from the absolute ones that the folder's README suggests
 * (5e-5 for outputs and losses, 2e-5 for gradients, 3e-4 for parameters after the steps).
 */
export const tolerances = {
  forward: { relative: 1e-4, floor: 0.5 },
  gradients: { relative: 1e-3, floor: 0.02 },
  parameters,
  teacher: parameters,
  /** Closed formulas: learning rates and fixed tables. */
  formula: { relative: 1e-6, floor: 1e-3 },
  /** Grey levels from 0 to 1: less than two of 255. */
  pixels: { relative: 2 / 255, floor: 1 },
  /** Lists of names and counts: equal or not. */
  exact: { relative: 0, floor: 1 },
} as const satisfies Record<string, Tolerance>

/**
 * Relative tolerances of what is computed in bfloat16, which keeps 8 bits of each factor of a product: an error of 2^-9 a factor, that grows over some
 * thirty products in a row, and over twice as many on the way back.
 */
const bf16Tolerances: ReadonlyMap<Tolerance, number> = new Map<Tolerance, number>([
  [tolerances.forward, 0.06],
  [tolerances.gradients, 0.3],
  [tolerances.parameters, 0.06],
])

/** A group measured against the tolerances of bfloat16; formulas and lists keep theirs. */
export function inBf16(group: ParityGroup): ParityGroup {
  const relative = bf16Tolerances.get(group.tolerance)
  if (relative === undefined) return group
  const passed = group.missing.length === 0 && group.tensors > 0 && (group.worst?.error ?? 0) <= relative
  return { ...group, tolerance: { ...group.tolerance, relative }, passed }
}
