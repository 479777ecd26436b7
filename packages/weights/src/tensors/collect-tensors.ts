import { Fault } from '../fault.js'
import { NumpyArray } from '../pickle/numpy-builders.js'
import { Global, Opaque } from '../pickle/values.js'
import { TensorView } from './tensor-view.js'

/** No checkpoint nests this deep. It also ends containers that hold themselves. */
const DEEPEST = 100
/** Values that are visited; containers that share their contents could stand for more than any memory holds. */
const MOST_VALUES = 10_000_000

/**
 * Every tensor in a value, named by the keys and indices that lead to it, joined by dots: `state_dict.layer.weight`. A value that is
 * itself a tensor is called `tensor`.
 * @throws Fault
 */
export function collectTensors(root: unknown): Map<string, TensorView> {
  const found = new Map<string, TensorView>()
  let visited = 0
  const visit = (value: unknown, path: readonly string[]): void => {
    if (value instanceof TensorView) {
      const name = path.join('.') || 'tensor'
      if (found.has(name)) throw new Fault(`two of its tensors are called ${name}`)
      found.set(name, value)
      return
    }
    if (path.length >= DEEPEST) throw new Fault(`its containers are nested deeper than ${DEEPEST} levels`)
    for (const [key, item] of contents(value) ?? []) {
      if (++visited > MOST_VALUES) throw new Fault(`its containers hold more than ${MOST_VALUES} values`)
      const inner = item instanceof NumpyArray ? item.view : item
      if (typeof inner === 'object' && inner !== null) visit(inner, [...path, keyName(key)])
    }
  }
  visit(root instanceof NumpyArray ? root.view : root, [])
  return found
}

function contents(value: unknown): Iterable<readonly [unknown, unknown]> | undefined {
  if (value instanceof Map) return value
  if (value instanceof Opaque) return value.content
  if (Array.isArray(value)) return value.entries()
  return value instanceof Set ? [...value].entries() : undefined
}

const keyName = (key: unknown): string => (key instanceof Global ? key.path : typeof key === 'object' ? 'key' : String(key))
