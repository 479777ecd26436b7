import type { Attributes, Inputs, KernelTable } from '../kernel.js'
import { namedSequence, type Operator, once, type Value, variants } from '../sequence.js'
import { PRODUCTS_AN_ELEMENT, threadsFor } from '../threads.js'
import { sizeOf, type TorchData } from '../torch-data.js'
import { type AttentionVariant, attend, attendBackward, attentionPlan, attentionProducts, merge } from './attention.js'
import { affine, affineGradients, type Engine, engineFor, weightOperands } from './product.js'
import { branchInput, type Given, NORMED, SURROUNDING, type Surrounding, surround, surroundBackward } from './surroundings.js'

interface Variant extends Surrounding {
  readonly engine: Engine
  readonly attention: AttentionVariant
  readonly scale: number
  /** Whether one layer makes queries, keys and values. */
  readonly joined: boolean
  /** Whether keys and values come from a context. */
  readonly crossed: boolean
  /** Width of what keys and values come from. */
  readonly contextWidth: number
}

const WEIGHTS = ['inWeight', 'inBias', 'queryWeight', 'queryBias', 'keyWeight', 'keyBias', 'valueWeight', 'valueBias', 'outWeight', 'outBias'] as const
const GIVEN = [...SURROUNDING, 'context', ...WEIGHTS, 'mask', 'keepProbabilities', 'heads', 'merged', 'overKeys'] as const
/** Queries, keys and values are kept as one, in the place of q, where one layer makes them. */
const KEPT = [...NORMED, 'attended', 'statistics', 'q', 'k', 'v'] as const

type Arguments = Given<(typeof GIVEN)[number]>

/** Queries, keys and values, or all of them side by side. */
function project(op: Operator, { engine, joined, crossed }: Variant, x: Value, g: Arguments): Value[] {
  if (joined) return [affine(op, engine, x, g.inWeight, g.inBias)]
  const context = crossed ? g.context : x
  return [
    affine(op, engine, x, g.queryWeight, g.queryBias),
    affine(op, engine, context, g.keyWeight, g.keyBias),
    affine(op, engine, context, g.valueWeight, g.valueBias),
  ]
}

const third = (op: Operator, x: Value, i: number, width: number): Value => op('slice.Tensor', x, -1, i * width, (i + 1) * width)

/** What `attend` takes. @param projected as `project` gives it */
function toAttend(op: Operator, { joined, width, scale }: Variant, projected: readonly Value[], g: Arguments) {
  const [q, k, v] = (joined ? [0, 1, 2].map((i) => third(op, projected[0]!, i, width)) : projected) as [Value, Value, Value]
  return { q, k, v, mask: g.mask, keep: g.keepProbabilities, scale, heads: g.heads, joined: g.merged, overKeys: g.overKeys }
}

const forward = variants(({ recorded, ...variant }: Variant & { readonly recorded: boolean }) =>
  namedSequence(GIVEN, (op, g) => {
    const kept: Value[] = []
    const [y, ...norm] = surround(op, variant, g, (x) => {
      const projected = project(op, variant, x, g)
      const [attended, statistics] = attend(op, variant.attention, toAttend(op, variant, projected, g))
      kept.push(attended, statistics, ...projected)
      return affine(op, variant.engine, attended, g.outWeight, g.outBias)
    })
    return recorded ? [y, ...norm, ...kept] : [y]
  }),
)

/** The gradients of queries, keys and values `[B, h, T, d / h]` side by side, as those of one layer. */
function sideBySide(op: Operator, like: Value, gradients: readonly Value[], width: number, heads: Value): Value {
  const all = op('empty_like', like)
  for (const [i, gradient] of gradients.entries()) op('copy_', op('view', third(op, all, i, width), heads), op('transpose.int', gradient, 1, 2))
  return all
}

const backward = variants(({ needed, ...variant }: Variant & { readonly needed: readonly string[] }) =>
  namedSequence([...GIVEN, 'dy', ...KEPT], (op, g) => {
    const { engine, width, contextWidth, joined, crossed } = variant
    const rows = (sides: number): number[] => [-1, sides]
    const gradients = surroundBackward(op, variant, g, (dy) => {
      const input = branchInput(variant, g)
      const out = affineGradients(op, engine, { x: g.attended, dy, weight: g.outWeight, inputs: rows(width), outputs: rows(width) })
      const output = { outWeight: out.weight, outBias: out.bias }
      const attended = { ...toAttend(op, variant, [g.q, g.k, g.v], g), y: g.attended, kept: g.statistics }
      const ofHeads = once(() => attendBackward(op, variant.attention, { ...attended, dy: out.x() }))
      if (joined) {
        const dProjected = once(() => sideBySide(op, g.q, ofHeads(), width, g.heads))
        const all = affineGradients(op, engine, { x: input, dy: dProjected, weight: g.inWeight, inputs: rows(width), outputs: rows(3 * width) })
        return { input: all.x, parameters: { ...output, inWeight: all.weight, inBias: all.bias } }
      }
      const projection = (i: number, x: Value, weight: Value, inputs: number) =>
        affineGradients(op, engine, { x, dy: once(() => merge(op, ofHeads()[i]!, g.merged)), weight, inputs: rows(inputs), outputs: rows(width) })
      const context = crossed ? g.context : input
      const query = projection(0, input, g.queryWeight, width)
      const key = projection(1, context, g.keyWeight, contextWidth)
      const value = projection(2, context, g.valueWeight, contextWidth)
      const dContext = once(() => op('add_.Tensor', key.x(), value.x()))
      return {
        input: crossed ? query.x : once(() => op('add_.Tensor', query.x(), dContext())),
        parameters: {
          ...output,
          queryWeight: query.weight,
          queryBias: query.bias,
          keyWeight: key.weight,
          keyBias: key.bias,
          valueWeight: value.weight,
          valueBias: value.bias,
          context: dContext,
        },
      }
    })
    return needed.map((name) => gradients[name]!())
  }),
)

/** Chooses who computes, and on how many threads. */
function planned({ x, context, inWeight, outWeight, mask, keepProbabilities, keep }: Inputs, { place, eps, heads }: Attributes) {
  const width = outWeight!.shape[0]!
  const from = context ?? x!
  const contextWidth = from.shape[2]!
  const rows = Math.min(sizeOf(x!.shape), sizeOf(from.shape)) / Math.max(width, contextWidth)
  const products = sizeOf(x!.shape) * width
  const engine = engineFor(x!, outWeight!, products, Math.min(rows, width, contextWidth))
  threadsFor(Math.max(products, attentionProducts(x!, from.shape[1]!)) / PRODUCTS_AN_ELEMENT)
  const { variant: attention, shapes, scale } = attentionPlan(x!, mask, keepProbabilities, heads)
  const { joined: merged, ...others } = shapes
  const variant = {
    engine,
    place,
    width,
    eps,
    dropped: keep !== undefined,
    attention,
    scale,
    joined: inWeight !== undefined,
    crossed: context !== undefined,
    contextWidth,
  }
  return { variant, shapes: { merged, ...others } }
}

/** For the CPU: attention on a device has kernels of its own (`device-attention.ts`), which are no sequence. */
export const attentionSublayerKernels: KernelTable = {
  UniDiagAttentionSublayer: (inputs, attributes) => {
    const { variant, shapes } = planned(inputs, attributes)
    return forward({ ...variant, recorded: attributes.recorded })({ ...weightOperands(inputs, WEIGHTS), ...shapes })
  },
  UniDiagAttentionSublayerGrad: (inputs, attributes) => {
    const { variant, shapes } = planned(inputs, attributes)
    const [normed, mean, rstd, attended, statistics, q, k, v] = inputs.kept as unknown as TorchData[]
    const kept = { normed, mean, rstd, attended, statistics, q, k, v }
    return backward({ ...variant, needed: attributes.needed })({ ...weightOperands(inputs, WEIGHTS), ...shapes, ...kept })
  },
}
