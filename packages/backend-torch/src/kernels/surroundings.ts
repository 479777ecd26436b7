import { type Operator, once, type Value } from '../sequence.js'

/** What is constant in a sequence of a sub-layer. */
export interface Surrounding {
  readonly place: 'before' | 'after'
  /** Width d of the sub-layer. */
  readonly width: number
  readonly eps: number
  /** Whether the result of the branch is multiplied by `keep`. */
  readonly dropped: boolean
}

/** Arguments of a sequence by name. */
export type Given<N extends string> = Readonly<Record<N, Value>>

export const SURROUNDING = ['x', 'normWeight', 'normBias', 'keep'] as const
/** What is kept of the norm: its result where it comes before, its argument where it comes after; and its statistics. */
export const NORMED = ['normed', 'mean', 'rstd'] as const

type Around = Given<(typeof SURROUNDING)[number]>

/** What a branch was given. */
export const branchInput = ({ place }: Surrounding, g: Given<'x' | 'normed'>): Value => (place === 'before' ? g.normed : g.x)

/** Puts norm, dropout and residual around a branch: y, and the three that are kept of the norm. */
export function surround(op: Operator, { place, width, eps, dropped }: Surrounding, g: Around, branch: (x: Value) => Value): [Value, Value, Value, Value] {
  const norm = (x: Value): Value => op('native_layer_norm', x, [width], g.normWeight, g.normBias, eps)
  const sum = (made: Value): Value => op('add_.Tensor', dropped ? op('mul_.Tensor', made, g.keep) : made, g.x)
  if (place === 'before') {
    const normed = norm(g.x)
    return [sum(branch(normed)), normed, normed.next, normed.next.next]
  }
  const normed = sum(branch(g.x))
  const y = norm(normed)
  return [y, normed, y.next, y.next.next]
}

/** What makes each gradient, by the name of the input. */
export type Gradients = Readonly<Record<string, () => Value>>

/**
 * The way back through `surround`.
 * @param branch is told what makes the gradient of the branch's result, and tells what makes those of its input and of its parameters
 */
export function surroundBackward(
  op: Operator,
  { place, width, dropped }: Surrounding,
  g: Around & Given<(typeof NORMED)[number] | 'dy'>,
  branch: (dy: () => Value) => { readonly input: () => Value; readonly parameters: Gradients },
): Gradients {
  const normBackward = (dy: Value, x: Value): Value =>
    op('native_layer_norm_backward', dy, x, [width], g.mean, g.rstd, g.normWeight, g.normBias, [true, true, true])
  const masked = (dy: Value): Value => (dropped ? op('mul.Tensor', dy, g.keep) : dy)
  const all = (norm: () => Value, x: () => Value, parameters: Gradients): Gradients => ({
    ...parameters,
    x,
    normWeight: () => norm().next,
    normBias: () => norm().next.next,
  })
  if (place === 'before') {
    const { input, parameters } = branch(once(() => masked(g.dy)))
    const norm = once(() => normBackward(input(), g.x))
    return all(norm, () => op('add_.Tensor', norm(), g.dy), parameters)
  }
  const norm = once(() => normBackward(g.dy, g.normed))
  const { input, parameters } = branch(once(() => masked(norm())))
  return all(norm, () => op('add_.Tensor', input(), norm()), parameters)
}
