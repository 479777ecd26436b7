import { clone, engine, onesLike, type Scalar, type Tensor, tidy, util } from '@tensorflow/tfjs-core'
import { addAll } from '../ops/add-all.js'
import { disposeSince, type TapeNode } from '../ops/fused.js'

/** The parts of tfjs's engine that record operators and what they are to be walked back with. */
interface Recorder {
  readonly state: { gradientDepth: number; activeTape: TapeNode[] | null; readonly activeScope: { readonly track: Tensor[] } }
  startTape(): void
  endTape(): void
}

/**
 * A scalar and its gradients with respect to tensors: what tfjs's `gradients` computes, from the same tape. Here what an operator saved, and the gradients of its
 * results, die as the walk passes it instead of at the end, which lowers the peak of memory, and there is one scope for all operators instead of one for every input of each.
 * To be called in a tidy. Leaves nothing behind when `f` or a gradient throws.
 * @returns the gradients in the order of `xs`; undefined where the scalar does not depend on one
 */
export function walkBack(f: () => Scalar, xs: readonly Tensor[]): { value: Scalar; gradients: (Tensor | undefined)[] } {
  const recorder = engine() as unknown as Recorder
  const { state } = recorder
  if (state.gradientDepth > 0) throw new Error('Gradients are being recorded already: walkBack does not nest.')
  recorder.startTape()
  try {
    let value: Scalar
    try {
      value = tidy(f)
    } finally {
      recorder.endTape()
    }
    const gradients = tidy('backward', () => gradientsOf(value, state.activeTape ?? [], xs, state.activeScope.track) as Tensor[])
    return { value, gradients }
  } finally {
    for (const node of state.activeTape ?? []) disposeAll(node.saved)
    state.activeTape = null
  }
}

/** @param track of the scope that is open */
function gradientsOf(y: Tensor, tape: readonly TapeNode[], xs: readonly Tensor[], track: Tensor[]): (Tensor | undefined)[] {
  const needed = neededInputs(tape, xs)
  const gradients = new Map<number, Tensor>([[y.id, onesLike(y)]])
  for (let i = tape.length - 1; i >= 0; i--) {
    const node = tape[i]
    const names = needed[i]
    const dys = node.outputs.map(({ id }) => gradients.get(id) ?? null)
    for (const { id } of node.outputs) gradients.delete(id)
    let passedOn: readonly Tensor[] = []
    if (names && dys.some((dy) => dy !== null)) {
      const from = track.length
      passedOn = inputGradients(node, names, dys)
      disposeSince(track, from, passedOn)
      for (const [k, name] of names.entries()) accumulate(gradients, node.inputs[name], passedOn[k])
    }
    for (const dy of dys) if (dy && !passedOn.includes(dy)) dy.dispose()
    disposeAll(node.saved)
  }
  return xs.map(({ id }) => gradients.get(id))
}

/** The inputs of each operator that lead back to one of `xs`; undefined where none does. */
function neededInputs(tape: readonly TapeNode[], xs: readonly Tensor[]): (readonly string[] | undefined)[] {
  const leading = new Set(xs.map(({ id }) => id))
  return tape.map(({ inputs, outputs }) => {
    const names = Object.keys(inputs).filter((name) => leading.has(inputs[name].id))
    if (names.length === 0) return undefined
    for (const { id } of outputs) leading.add(id)
    return names
  })
}

function inputGradients({ kernelName, inputs, gradient }: TapeNode, names: readonly string[], dys: readonly (Tensor | null)[]): Tensor[] {
  if (!gradient) throw new Error(`The operator ${kernelName} has no gradient.`)
  const functions = gradient(dys, names)
  const found: Tensor[] = []
  for (const name of names) {
    const dx = functions[name]?.()
    if (!dx || !util.arraysEqual(dx.shape, inputs[name].shape))
      throw new Error(`The gradient of ${kernelName} for its input ${name} has the shape [${dx?.shape}] instead of [${inputs[name].shape}].`)
    // Each gradient has one owner, also where that of a result is passed on to several inputs.
    found.push(found.includes(dx) ? clone(dx) : dx)
  }
  return found
}

function accumulate(gradients: Map<number, Tensor>, x: Tensor, dx: Tensor): void {
  const sum = gradients.get(x.id)
  gradients.set(x.id, sum ? addAll([sum], [dx])[0] : dx)
}

function disposeAll(tensors: readonly Tensor[] = []): void {
  for (const tensor of tensors) tensor.dispose()
}
