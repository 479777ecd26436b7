import type { NamedTensorMap, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core'
import { attention } from './attention.js'
import { linear } from './linear.js'
import { projections } from './projections.js'
import { type Affine, asOneKernel, type Surroundings, surrounded } from './sublayer.js'

/**
 * Queries, keys and values: of the sub-layer's input by one layer `[d, 3 d]`; or by a layer each, where keys and values may be those of another
 * `context [B, Tk, dc]`.
 */
export type Projections =
  | { readonly joined: Affine }
  | { readonly query: Affine; readonly key: Affine; readonly value: Affine; readonly context?: Tensor3D | undefined }

export interface AttentionSublayer extends Surroundings {
  readonly projections: Projections
  /** `[d, d]` */
  readonly output: Affine
  readonly heads: number
  /** `[B, Tk]`, added to the scores of each key. */
  readonly mask?: Tensor2D | undefined
  /** `[B, h, T, Tk]`, what dropout multiplies the probabilities by. */
  readonly keepProbabilities?: Tensor4D | undefined
}

/** Attention sub-layer of a transformer's block: f(x) = output(attention(queries, keys, values)). @param x `[B, T, d]` @returns `[B, T, d]` */
export function attentionSublayer(x: Tensor3D, o: AttentionSublayer): Tensor3D {
  const { output, heads, mask, keepProbabilities } = o
  const inputs: NamedTensorMap = { x, ...projecting(o.projections), outWeight: output.weight, outBias: output.bias }
  return (
    asOneKernel<Tensor3D>('UniDiagAttentionSublayer', o, { inputs, constants: { mask, keepProbabilities }, heads }) ??
    surrounded(x, o, (y) => {
      const [q, k, v] = projected(y, o.projections)
      return linear(attention(q, k, v, { heads, mask, keep: keepProbabilities }), output.weight, output.bias)
    })
  )
}

function projecting(p: Projections): NamedTensorMap {
  if ('joined' in p) return { inWeight: p.joined.weight, inBias: p.joined.bias }
  const { query, key, value, context } = p
  const layers = {
    queryWeight: query.weight,
    queryBias: query.bias,
    keyWeight: key.weight,
    keyBias: key.bias,
    valueWeight: value.weight,
    valueBias: value.bias,
  }
  return context ? { context, ...layers } : layers
}

/** Queries `[B, T, d]`, keys and values `[B, Tk, d]`. */
export function projected(x: Tensor3D, p: Projections): Tensor3D[] {
  if ('joined' in p) return projections(x, p.joined.weight, p.joined.bias, 3)
  const { query, key, value, context = x } = p
  return [linear(x, query.weight, query.bias), linear(context, key.weight, key.bias), linear(context, value.weight, value.bias)]
}
