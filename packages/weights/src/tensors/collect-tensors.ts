import { Fault } from '../fault.js'
import { NumpyArray } from '../pickle/numpy-builders.js'
import { Global, Opaque } from '../pickle/values.js'
import { TensorView } from './tensor-view.js'

/** No checkpoint nests this deep. It also ends containers that hold themselves. */
const DEEPEST = 100
/** Values that are visited, and tensors that are found; containers that share their contents could stand for more than any memory holds. */
const MOST_VALUES = 10_000_000
const MOST_TENSORS = 1_000_000

/** The way to a value, from its end. */
interface Path {
  readonly key: unknown
  readonly before: Path | undefined
}

/**
 * Every tensor in a value, named by the keys and indices that lead to it, joined by dots: `state_dict.layer.weight`. A value that is
 * itself a tensor is called `tensor`.
 * @throws Fault
 */
export function collectTensors(root: unknown): Map<string, TensorView> {
  const found = new Map<string, TensorView>()
  let visited = 0
  const visit = (container: unknown, depth: number, path: Path | undefined): void => {
    const value = container instanceof NumpyArray ? container.view : container
    if (value instanceof TensorView) {
      const name = nameOf(path)
      if (found.has(name)) throw new Fault(`two of its tensors are called ${name}`)
      if (found.set(name, value).size > MOST_TENSORS) throw new Fault(`it holds more than ${MOST_TENSORS} tensors`)
      return
    }
    if (depth > DEEPEST) throw new Fault(`its containers are nested deeper than ${DEEPEST} levels`)
    for (const [key, item] of contents(value) ?? []) {
      if (++visited > MOST_VALUES) throw new Fault(`its containers hold more than ${MOST_VALUES} values`)
      if (typeof item === 'object' && item !== null) visit(item, depth + 1, { key, before: path })
    }
  }
  visit(root, 0, undefined)
  return found
}

function nameOf(path: Path | undefined): string {
  const keys: string[] = []
  for (let at = path; at; at = at.before) keys.push(keyName(at.key))
  return keys.reverse().join('.') || 'tensor'
}

function contents(value: unknown): Iterable<readonly [unknown, unknown]> | undefined {
  if (value instanceof Map) return value
  if (value instanceof Opaque) return value.content
  if (Array.isArray(value)) return value.entries()
  return value instanceof Set ? [...value].entries() : undefined
}

const keyName = (key: unknown): string => (key instanceof Global ? key.path : typeof key === 'object' ? 'key' : String(key))
