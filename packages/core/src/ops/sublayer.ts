import type { NamedTensorMap, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core'
import { applyKeep } from './dropout.js'
import { differentiable, hasNative, native } from './fused.js'
import { layerNorm } from './layer-norm.js'
import { residual } from './residual.js'

/** A linear layer's weight `[in, out]` and bias `[out]`. */
export interface Affine {
  readonly weight: Tensor2D
  readonly bias: Tensor1D
}

/** What surrounds a sub-layer f of a transformer's block. */
export interface Surroundings {
  /** `before`: x + f(norm(x)), as in CLIP; `after`: norm(x + f(x)), as in BERT. */
  readonly place: 'before' | 'after'
  readonly norm: { readonly weight: Tensor1D; readonly bias: Tensor1D; readonly eps: number }
  /** What dropout multiplies the result of f by, of the shape of x. */
  readonly keep?: Tensor | undefined
}

/** The sub-layer operator by operator. */
export function surrounded<T extends Tensor>(x: T, { place, norm, keep }: Surroundings, f: (x: T) => T): T {
  const normal = (y: T): T => layerNorm(y, norm.weight, norm.bias, norm.eps)
  const sum = residual(x, applyKeep(f(place === 'before' ? normal(x) : x), keep))
  return place === 'after' ? normal(sum) : sum
}

/**
 * The sub-layer by a backend's kernel `name`, and its gradient by `<name>Grad`: many small operators in one.
 * @param inputs all that may have a gradient, but for the norm @param constants what has none
 * @returns undefined where the backend has no such kernel
 */
export function asOneKernel<T extends Tensor>(
  name: string,
  { place, norm, keep }: Surroundings,
  {
    inputs,
    constants = {},
    ...attributes
  }: { inputs: NamedTensorMap; constants?: Readonly<Record<string, Tensor | undefined>>; activation?: string; heads?: number },
): T | undefined {
  if (!hasNative(name)) return undefined
  const all = { ...inputs, normWeight: norm.weight, normBias: norm.bias }
  const given: NamedTensorMap = { ...all }
  for (const [key, value] of Object.entries({ ...constants, keep })) if (value) given[key] = value
  const names = Object.keys(given)
  const attrs = { ...attributes, place, eps: norm.eps }
  return differentiable<Tensor>(
    all,
    (save, recorded) => {
      const [y, ...kept] = native(name, given, { ...attrs, recorded }) as Tensor[]
      save([...names.map((key) => given[key]), ...kept])
      return y
    },
    (dy, saved, needed) => {
      const before: Record<string, Tensor | Tensor[]> = { dy, kept: saved.slice(names.length) }
      for (const [i, key] of names.entries()) before[key] = saved[i]
      const found = native(`${name}Grad`, before, { ...attrs, needed: needed as string[] }) as Tensor[]
      return Object.fromEntries(needed.map((key, i) => [key, () => found[i]]))
    },
  ) as T
}
