import type { Attributes, Inputs, KernelTable } from '../kernel.js'
import { namedSequence, once, type Value, variants } from '../sequence.js'
import { sizeOf, type TorchData } from '../torch-data.js'
import { type Activation, activate, activateBackward } from './activations.js'
import { affine, affineGradients, type Engine, engineFor, weightOperands } from './product.js'
import { branchInput, NORMED, SURROUNDING, type Surrounding, surround, surroundBackward } from './surroundings.js'

interface Variant extends Surrounding {
  readonly engine: Engine
  readonly activation: Activation
  readonly hidden: number
}

const WEIGHTS = ['expandWeight', 'expandBias', 'contractWeight', 'contractBias'] as const
const GIVEN = [...SURROUNDING, ...WEIGHTS] as const
const KEPT = [...NORMED, 'hidden', 'active'] as const

const forward = variants(({ recorded, ...variant }: Variant & { readonly recorded: boolean }) =>
  namedSequence(GIVEN, (op, g) => {
    const { engine, activation } = variant
    const kept: Value[] = []
    const [y, ...norm] = surround(op, variant, g, (x) => {
      const hidden = affine(op, engine, x, g.expandWeight, g.expandBias)
      const active = activate(op, activation, hidden)
      kept.push(hidden, active)
      return affine(op, engine, active, g.contractWeight, g.contractBias)
    })
    return recorded ? [y, ...norm, ...kept] : [y]
  }),
)

const backward = variants(({ needed, ...variant }: Variant & { readonly needed: readonly string[] }) =>
  namedSequence([...GIVEN, 'dy', ...KEPT], (op, g) => {
    const { engine, activation } = variant
    const [narrow, wide] = [variant.width, variant.hidden].map((width) => [-1, width]) as [number[], number[]]
    const gradients = surroundBackward(op, variant, g, (dy) => {
      const contract = affineGradients(op, engine, { x: g.active, dy, weight: g.contractWeight, inputs: wide, outputs: narrow })
      const dHidden = once(() => activateBackward(op, activation, contract.x(), g.hidden))
      const expand = affineGradients(op, engine, { x: branchInput(variant, g), dy: dHidden, weight: g.expandWeight, inputs: narrow, outputs: wide })
      const parameters = { expandWeight: expand.weight, expandBias: expand.bias, contractWeight: contract.weight, contractBias: contract.bias }
      return { input: expand.x, parameters }
    })
    return needed.map((name) => gradients[name]!())
  }),
)

/** Chooses who computes, and on how many threads. */
function planned({ x, expandWeight, keep }: Inputs, { place, eps, activation }: Attributes): Variant {
  const [width, hidden] = expandWeight!.shape as [number, number]
  const rows = sizeOf(x!.shape) / width
  const engine = engineFor(x!, expandWeight!, rows * width * hidden, Math.min(rows, width, hidden))
  return { engine, place, width, eps, dropped: keep !== undefined, activation, hidden }
}

export const feedForwardKernels: KernelTable = {
  UniDiagFeedForward: (inputs, attributes) => forward({ ...planned(inputs, attributes), recorded: attributes.recorded })(weightOperands(inputs, WEIGHTS)),
  UniDiagFeedForwardGrad: (inputs, attributes) => {
    const [normed, mean, rstd, hidden, active] = inputs.kept as unknown as TorchData[]
    return backward({ ...planned(inputs, attributes), needed: attributes.needed })({ ...weightOperands(inputs, WEIGHTS), normed, mean, rstd, hidden, active })
  },
}
