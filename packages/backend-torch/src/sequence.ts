import type { NativeArgument } from './addon.js'
import { type Argument, idOf, natively, takeAll, theAddon } from './aten.js'
import type { TorchData } from './torch-data.js'

/** Something inside a sequence: an argument of it, or a result of one of its operators. */
export class Value {
  /** As the addon counts: 1 for arguments, 2 for an operator's first result, 3 for its second. */
  readonly from: number
  readonly index: number

  constructor(from: number, index: number) {
    this.from = from
    this.index = index
  }

  /** The next result of the same operator. */
  get next(): Value {
    return new Value(this.from + 1, this.index)
  }
}

type Constant = number | boolean | string | null | undefined | readonly number[] | readonly boolean[]
/** Puts an operator, named as for `aten`, into a sequence, and gives its first result. */
export type Operator = (name: string, ...parts: (Value | Constant)[]) => Value

/**
 * Operators called one after another in one call of the addon. What they pass on to each other never becomes a tensor of JavaScript, and dies where it is
 * used last: a step makes thousands of small calls, and this keeps JavaScript's share of them small.
 * @param build runs once, at the first call, with a value for each argument: tensors, and what changes from call to call. All else is constant. Its result are the outputs.
 *
 *     const scaledSilu = sequence((op, x, factor) => [op('silu', op('mul.Scalar', x, factor))])
 *     const [y] = scaledSilu(x, 1.702)
 */
export function sequence(build: (op: Operator, ...given: Value[]) => readonly Value[]): (...given: Argument[]) => TorchData[] {
  let id: number | undefined
  return (...given) => {
    id ??= declare(build.length - 1, build)
    return takeAll(natively(theAddon().run, id, given))
  }
}

/** As `sequence`, with arguments by name. */
export function namedSequence<N extends string>(
  names: readonly N[],
  build: (op: Operator, given: Readonly<Record<N, Value>>) => readonly Value[],
): (given: Readonly<Partial<Record<N, Argument>>>) => TorchData[] {
  let id: number | undefined
  return (given) => {
    id ??= declare(names.length, (op, ...values) => build(op, Object.fromEntries(names.map((name, i) => [name, values[i]])) as Record<N, Value>))
    const list = names.map((name) => given[name])
    return takeAll(natively(theAddon().run, id, list))
  }
}

function declare(count: number, build: (op: Operator, ...given: Value[]) => readonly Value[]): number {
  const steps: NativeArgument[][] = []
  const op: Operator = (name, ...parts) => {
    const words = parts.flatMap((part): NativeArgument[] => (part instanceof Value ? [part.from, part.index] : [0, part]))
    return new Value(2, steps.push([idOf(name), ...words]) - 1)
  }
  const given = Array.from({ length: count }, (_, i) => new Value(1, i))
  const outputs = build(op, ...given).flatMap(({ from, index }) => [from, index])
  return theAddon().sequence(steps, outputs)
}

/** One of something for every variant of it, made when it is first asked for. A variant is plain values. */
export function variants<V extends object, T>(make: (variant: V) => T): (variant: V) => T {
  const made = new Map<string, T>()
  return (variant) => {
    const key = JSON.stringify(variant)
    let found = made.get(key)
    if (found === undefined) {
      found = make(variant)
      made.set(key, found)
    }
    return found
  }
}

/** The same value whenever it is asked for: put into a sequence at most once. */
export function once<T>(make: () => T): () => T {
  let made: T | undefined
  return () => {
    made ??= make()
    return made
  }
}
