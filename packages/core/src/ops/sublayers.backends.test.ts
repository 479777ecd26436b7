import { mul, type Scalar, square, sum, type Tensor, type Tensor1D, type Tensor2D, type Tensor3D, type Tensor4D, tensor, tidy } from '@tensorflow/tfjs-core'
import { describeBackends } from '@unidiag/testing/backends'
import { type Argument, checkOperator, expectClose } from '@unidiag/testing/operator'
import { expect, it } from 'vitest'
import { walkBack } from '../nn/walk-back.js'
import { attentionSublayer } from './attention-sublayer.js'
import { feedForward } from './feed-forward.js'
import type { Surroundings } from './sublayer.js'
import { attentionReference, geluReference, layerNormReference, linearReference, quickGeluReference } from './test-support/reference.js'

type Values<T> = Record<string, T>

const eps = 1e-3
const [batch, length, width, hidden, heads, contextLength, contextWidth] = [2, 3, 4, 6, 2, 5, 3]
const x = { shape: [batch, length, width] }
const norm = { normWeight: { shape: [width] }, normBias: { shape: [width] } }
const layer = (name: string, ins: number, outs: number): Values<Argument> => ({ [`${name}Weight`]: { shape: [ins, outs] }, [`${name}Bias`]: { shape: [outs] } })
/** What dropout would draw: half of it zero. */
const dropping = (...shape: number[]): Argument => ({
  shape,
  values: Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => ((i * 7) % 4 < 2 ? 2 : 0)),
})
const padding: Argument = { shape: [batch, contextLength], values: [0, 0, 0, -10000, -10000, 0, 0, 0, 0, -10000] }

const affine = (t: Values<Tensor>, name: string) => ({ weight: t[`${name}Weight`] as Tensor2D, bias: t[`${name}Bias`] as Tensor1D })
const surroundings = (place: Surroundings['place'], t: Values<Tensor>): Surroundings => ({ place, norm: { ...affine(t, 'norm'), eps } as never, keep: t.keep })

function surroundedReference(place: Surroundings['place'], t: Values<Float64Array>, branch: (x: Float64Array) => Float64Array): Float64Array {
  const normal = (y: Float64Array) => layerNormReference(y, t.normWeight, t.normBias, eps)
  const made = branch(place === 'before' ? normal(t.x) : t.x)
  const total = t.x.map((value, i) => value + made[i] * (t.keep?.[i] ?? 1))
  return place === 'after' ? normal(total) : total
}

const linearOf = (t: Values<Float64Array>, name: string, x: Float64Array) => linearReference(x, t[`${name}Weight`], t[`${name}Bias`])

/** Three arrays [B, T, d] of one [B, T, 3 d]. */
const thirds = (y: Float64Array): Float64Array[] => [0, 1, 2].map((part) => y.filter((_, i) => Math.floor(i / width) % 3 === part))

describeBackends('sub-layers', () => {
  const feedForwardInputs = { x, ...norm, ...layer('expand', width, hidden), ...layer('contract', hidden, width) }
  for (const [place, activation, dropped] of [
    ['before', 'quickGelu', false],
    ['before', 'quickGelu', true],
    ['after', 'gelu', false],
    ['after', 'gelu', true],
  ] as const)
    it(`feed-forward, norm ${place}, ${activation}${dropped ? ', with dropout' : ''}`, () =>
      checkOperator<Values<Argument>>({
        inputs: { ...feedForwardInputs, ...(dropped && { keep: dropping(batch, length, width) }) },
        apply: (t) => feedForward(t.x as Tensor3D, { ...surroundings(place, t), expand: affine(t, 'expand'), contract: affine(t, 'contract'), activation }),
        reference: (t) =>
          surroundedReference(place, t, (y) => linearOf(t, 'contract', (activation === 'gelu' ? geluReference : quickGeluReference)(linearOf(t, 'expand', y)))),
        tolerance: 3e-5,
      }))

  it('attention with joined projections, norm before', () =>
    checkOperator<Values<Argument>>({
      inputs: { x, ...norm, ...layer('in', width, 3 * width), ...layer('out', width, width) },
      apply: (t) =>
        attentionSublayer(t.x as Tensor3D, { ...surroundings('before', t), projections: { joined: affine(t, 'in') }, output: affine(t, 'out'), heads }),
      reference: (t) =>
        surroundedReference('before', t, (y) => {
          const [q, k, v] = thirds(linearOf(t, 'in', y))
          return linearOf(t, 'out', attentionReference({ batch, heads, queries: length, keys: length, width }, { q, k, v }))
        }),
      tolerance: 3e-5,
    }))

  const separate = { ...layer('query', width, width), ...layer('out', width, width) }
  // The softmax does not see what is added to all keys alike: the gradient of their bias is rounding.
  const keyBias = { shape: [width], values: [0.3, -0.2, 0.1, 0.4] }
  const self = { x, ...norm, ...separate, ...layer('key', width, width), keyBias, ...layer('value', width, width) }
  const cross = { x, ...norm, ...separate, ...layer('key', contextWidth, width), keyBias, ...layer('value', contextWidth, width) }
  const context = { context: { shape: [batch, contextLength, contextWidth] } }
  const dropout = (keys: number) => ({ keep: dropping(batch, length, width), keepProbabilities: dropping(batch, heads, length, keys) })
  for (const [name, place, inputs] of [
    ['of itself, norm after', 'after', self],
    ['of itself, norm before, with dropout', 'before', { ...self, ...dropout(length) }],
    ['of a context with padding, norm after', 'after', { ...cross, ...context, mask: padding }],
    ['of a context with padding, norm after, with dropout', 'after', { ...cross, ...context, mask: padding, ...dropout(contextLength) }],
    ['of a context, norm before', 'before', { ...cross, ...context }],
  ] as const)
    it(`attention ${name}`, () =>
      checkOperator<Values<Argument>>({
        inputs,
        apply: (t) =>
          attentionSublayer(t.x as Tensor3D, {
            ...surroundings(place, t),
            projections: { query: affine(t, 'query'), key: affine(t, 'key'), value: affine(t, 'value'), context: t.context as Tensor3D | undefined },
            output: affine(t, 'out'),
            heads,
            mask: t.mask as Tensor2D | undefined,
            keepProbabilities: t.keepProbabilities as Tensor4D | undefined,
          }),
        reference: (t) =>
          surroundedReference(place, t, (y) => {
            const from = t.context ?? y
            const [q, k, v] = [linearOf(t, 'query', y), linearOf(t, 'key', from), linearOf(t, 'value', from)]
            const keys = t.context ? contextLength : length
            const given = { q, k, v, ...(t.mask && { mask: t.mask }), ...(t.keepProbabilities && { keep: t.keepProbabilities }) }
            return linearOf(t, 'out', attentionReference({ batch, heads, queries: length, keys, width }, given))
          }),
        tolerance: 3e-5,
      }))

  it('gives the gradients that are asked for, whichever they are', () =>
    tidy(() => {
      const drawn = (shape: readonly number[], seed: number) =>
        tensor(
          Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(seed + i)),
          shape as number[],
        )
      const inputs = { ...cross, ...context, ...layer('expand', width, hidden), ...layer('contract', hidden, width) }
      const t: Values<Tensor> = Object.fromEntries(Object.entries(inputs).map(([name, { shape }], i) => [name, drawn(shape, i)]))
      const f = (place: Surroundings['place']) => () => {
        const projections = { query: affine(t, 'query'), key: affine(t, 'key'), value: affine(t, 'value'), context: t.context as Tensor3D }
        const y = attentionSublayer(t.x as Tensor3D, { ...surroundings(place, t), projections, output: affine(t, 'out'), heads })
        const z = feedForward(y, { ...surroundings(place, t), expand: affine(t, 'expand'), contract: affine(t, 'contract'), activation: 'gelu' })
        return sum(mul(square(z), drawn(z.shape, 9))) as Scalar
      }
      for (const place of ['before', 'after'] as const) {
        const all = walkBack(f(place), Object.values(t)).gradients
        for (const [i, name] of Object.keys(t).entries()) {
          if (name === 'keyBias') continue
          const [alone] = walkBack(f(place), [t[name]]).gradients
          expectClose(alone!.dataSync(), all[i]!.dataSync(), 1e-5, `${name}, norm ${place}`)
          expect(Math.max(...all[i]!.dataSync().map(Math.abs)), name).toBeGreaterThan(1e-3)
        }
      }
    }))
})
