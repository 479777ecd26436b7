import {
  engine,
  memory,
  mul,
  reshape,
  type Scalar,
  stack,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
  tensor,
  tidy,
} from '@tensorflow/tfjs-core'
import { describeBackends } from '@unidiag/testing/backends'
import { checkOperator, expectClose } from '@unidiag/testing/operator'
import { expect, it } from 'vitest'
import { adamwUpdate } from './adamw.js'
import { attention } from './attention.js'
import { bceWithLogits } from './bce-with-logits.js'
import { ema } from './ema.js'
import { embedding } from './embedding.js'
import { gatherRows } from './gather-rows.js'
import { gelu, quickGelu } from './gelu.js'
import { globalNorm } from './global-norm.js'
import { layerNorm } from './layer-norm.js'
import { linear } from './linear.js'
import { projections } from './projections.js'
import { residual } from './residual.js'
import { softmaxCrossEntropy } from './softmax-cross-entropy.js'
import { attentionReference, geluReference, layerNormReference, quickGeluReference } from './test-support/reference.js'
import { concatTokens, repeatToken, sliceTokens } from './tokens.js'

/** Gradient of sum (i + 1) y_i. */
const gradientOf = (x: Tensor, f: () => Tensor): number[] =>
  tidy(() => {
    const weighted = () => {
      const y = f()
      return sum(
        mul(
          y,
          tensor(
            Float32Array.from({ length: y.size }, (_, i) => i + 1),
            y.shape,
          ),
        ),
      ) as Scalar
    }
    return [...engine().gradients(weighted, [x]).grads[0].dataSync()]
  }) as unknown as number[]

describeBackends('operators', () => {
  for (const [rows, inWidth, outWidth] of [
    [1, 1, 1],
    [6, 5, 3],
    [10, 8, 16],
  ])
    it(`linear, [${rows}, ${inWidth}] to ${outWidth}`, () =>
      checkOperator({
        inputs: { x: { shape: [2, rows / 2 || 1, inWidth].map(Math.ceil) }, weight: { shape: [inWidth, outWidth] }, bias: { shape: [outWidth] } },
        apply: ({ x, weight, bias }) => linear(x, weight as Tensor2D, bias as Tensor1D),
        reference: ({ x, weight, bias }) =>
          Float64Array.from({ length: (x.length / inWidth) * outWidth }, (_, i) => {
            const [row, o] = [Math.floor(i / outWidth), i % outWidth]
            let total = bias[o]
            for (let c = 0; c < inWidth; c++) total += x[row * inWidth + c] * weight[c * outWidth + o]
            return total
          }),
      }))

  it('projections, each with its part of the weight', () => {
    const [rows, inWidth, out, parts] = [6, 5, 4, 3]
    checkOperator({
      inputs: { x: { shape: [2, 3, inWidth] }, weight: { shape: [inWidth, parts * out] }, bias: { shape: [parts * out] } },
      apply: ({ x, weight, bias }) => stack(projections(x, weight as Tensor2D, bias as Tensor1D, parts)),
      reference: ({ x, weight, bias }) =>
        Float64Array.from({ length: parts * rows * out }, (_, i) => {
          const [row, o] = [Math.floor(i / out) % rows, Math.floor(i / (rows * out)) * out + (i % out)]
          let total = bias[o]
          for (let c = 0; c < inWidth; c++) total += x[row * inWidth + c] * weight[c * parts * out + o]
          return total
        }),
    })
  })

  it('residual, also of a tensor with itself', () => {
    checkOperator({
      inputs: { x: { shape: [2, 3] }, branch: { shape: [2, 3] } },
      apply: ({ x, branch }) => residual(x, branch),
      reference: ({ x, branch }) => x.map((value, i) => value + branch[i]),
    })
    checkOperator({ inputs: { x: { shape: [2, 3] } }, apply: ({ x }) => residual(x, x), reference: ({ x }) => x.map((value) => 2 * value) })
  })

  for (const [rows, width] of [
    [3, 1],
    [4, 7],
    [5, 24],
  ])
    it(`layer norm of width ${width}`, () =>
      checkOperator({
        inputs: { x: { shape: [1, rows, width] }, weight: { shape: [width] }, bias: { shape: [width] } },
        apply: ({ x, weight, bias }) => layerNorm(x, weight as Tensor1D, bias as Tensor1D, 1e-3),
        reference: ({ x, weight, bias }) => layerNormReference(x, weight, bias, 1e-3),
        // All is zero at width 1, so that rounding is all there is to compare.
        tolerance: width === 1 ? 1e-3 : 1e-5,
      }))

  it('layer norm with eps 1e-12 of rows with a large mean', () =>
    tidy(() => {
      const x = Float32Array.from({ length: 40 }, (_, i) => 1000 + Math.sin(i))
      const y = layerNorm(tensor(x, [2, 20]), tensor(new Float32Array(20).fill(1)) as Tensor1D, tensor(new Float32Array(20)) as Tensor1D, 1e-12)
      expectClose(y.dataSync(), layerNormReference(Float64Array.from(x), new Float64Array(20).fill(1), new Float64Array(20), 1e-12), 5e-4)
    }))

  it('layer norm of constant rows is finite', () =>
    tidy(() => {
      const y = layerNorm(tensor(new Float32Array(8).fill(3), [2, 4]), tensor([1, 1, 1, 1]) as Tensor1D, tensor([0, 1, 2, 3]) as Tensor1D, 1e-12)
      expect([...y.dataSync()]).toEqual([0, 1, 2, 3, 0, 1, 2, 3])
    }))

  it('linear of no rows is empty and has a zero gradient', () =>
    tidy(() => {
      const weight = tensor([1, 2, 3, 4, 5, 6], [2, 3]) as Tensor2D
      const x = tensor([], [1, 0, 2]) as Tensor3D
      expect(linear(x, weight).shape).toEqual([1, 0, 3])
      expect(gradientOf(weight, () => linear(x, weight))).toEqual([0, 0, 0, 0, 0, 0])
    }))

  it('NaN stays NaN, so that a diverged run is noticed', () =>
    tidy(() => {
      const x = tensor(new Float32Array(12).fill(1).fill(Number.NaN, 5, 6), [1, 3, 4]) as Tensor3D
      const one = tensor([1, 1, 1, 1]) as Tensor1D
      const results: Tensor[] = [
        gelu(x),
        quickGelu(x),
        layerNorm(x, one, one, 1e-5),
        attention(x, x, x, { heads: 2 }),
        linear(x, tensor(new Float32Array(8), [4, 2]) as Tensor2D),
        softmaxCrossEntropy(reshape(x, [3, 4]), tensor([0, 1, 2], [3], 'int32') as Tensor1D),
        ema(x, x, 0.5),
      ]
      for (const [i, y] of results.entries()) expect(y.dataSync().some(Number.isNaN), `operator ${i}`).toBe(true)
    }))

  it('gelu', () => checkOperator({ inputs: { x: { shape: [3, 7] } }, apply: ({ x }) => gelu(x), reference: ({ x }) => geluReference(x) }))

  it('quick gelu', () => checkOperator({ inputs: { x: { shape: [3, 7] } }, apply: ({ x }) => quickGelu(x), reference: ({ x }) => quickGeluReference(x) }))

  it('gelu and quick gelu at the ends of the range', () =>
    tidy(() => {
      const ends = tensor([-1e4, -100, -12, 12, 100, 1e4])
      expectClose(gelu(ends).dataSync(), [0, 0, 0, 12, 100, 1e4], 1e-7)
      expectClose(quickGelu(ends).dataSync(), [0, 0, 0, 12, 100, 1e4], 1e-7)
    }))

  for (const sizes of [
    { batch: 2, heads: 2, queries: 3, keys: 5, width: 6 },
    { batch: 1, heads: 4, queries: 7, keys: 7, width: 16 },
    { batch: 2, heads: 1, queries: 4, keys: 9, width: 5 },
  ]) {
    const { batch, heads, queries, keys, width } = sizes
    const inputs = { q: { shape: [batch, queries, width] }, k: { shape: [batch, keys, width] }, v: { shape: [batch, keys, width] } }
    const title = `attention, ${heads} heads of ${width / heads}, ${queries} queries, ${keys} keys`
    it(title, () =>
      checkOperator({
        inputs,
        apply: ({ q, k, v }) => attention(q as Tensor3D, k as Tensor3D, v as Tensor3D, { heads }),
        reference: (values) => attentionReference(sizes, values),
      }),
    )
    it(`${title}, masked and dropped`, () =>
      checkOperator({
        inputs: {
          ...inputs,
          mask: { shape: [batch, keys], values: Array.from({ length: batch * keys }, (_, i) => (i % keys > 2 ? -10000 : 0)) },
          keep: { shape: [batch, heads, queries, keys], values: Array.from({ length: batch * heads * queries * keys }, (_, i) => (i % 4 ? 1.25 : 0)) },
        },
        apply: ({ q, k, v, mask, keep }) => attention(q as Tensor3D, k as Tensor3D, v as Tensor3D, { heads, mask: mask as Tensor2D, keep: keep as Tensor4D }),
        reference: (values) => attentionReference(sizes, values),
      }))
  }

  it('embedding, with a row that gets no gradient', () => {
    const ids = [3, 0, 3, 1, 3, 2]
    const gradient = (padIndex?: number) => {
      let found: number[] = []
      tidy(() => {
        const weight = tensor(
          Float32Array.from({ length: 8 }, (_, i) => i),
          [4, 2],
        )
        const index = tensor(ids, [2, 3], 'int32')
        const rows = embedding(weight as Tensor2D, index)
        expect(rows.shape).toEqual([2, 3, 2])
        expect([...rows.dataSync()]).toEqual([6, 7, 0, 1, 6, 7, 2, 3, 6, 7, 4, 5])
        found = gradientOf(weight, () => embedding(weight as Tensor2D, index, padIndex))
      })
      return found
    }
    // d loss / d row = sum of the upstream gradients 1, 2, 3 ... of its places
    expect(gradient()).toEqual([3, 4, 7, 8, 11, 12, 1 + 5 + 9, 2 + 6 + 10])
    expect(gradient(3)).toEqual([3, 4, 7, 8, 11, 12, 0, 0])
  })

  it('gather rows', () =>
    checkOperator({
      inputs: { x: { shape: [2, 4, 3] }, index: { shape: [2, 5], values: [1, 1, 3, 0, 2, 3, 2, 1, 0, 0], dtype: 'int32' } },
      apply: ({ x, index }) => gatherRows(x as Tensor3D, index as Tensor2D),
      reference: ({ x, index }) => Float64Array.from({ length: 30 }, (_, i) => x[(Math.floor(i / 15) * 4 + index[Math.floor(i / 3)]) * 3 + (i % 3)]),
    }))

  it('tokens: repeat, slice and join', () =>
    checkOperator({
      inputs: { token: { shape: [1, 1, 2] }, x: { shape: [2, 3, 2] } },
      apply: ({ token, x }) => concatTokens(repeatToken(token, 2, 2), sliceTokens(x as Tensor3D, 1)),
      reference: ({ token, x }) => [...token, ...token, ...x.slice(2, 6), ...token, ...token, ...x.slice(8, 12)],
    }))

  it('softmax cross entropy', () =>
    checkOperator({
      inputs: { logits: { shape: [4, 6] }, labels: { shape: [4], values: [5, 0, 2, 2], dtype: 'int32' } },
      apply: ({ logits, labels }) => softmaxCrossEntropy(logits as Tensor2D, labels as Tensor1D),
      reference: ({ logits, labels }) => {
        let total = 0
        for (let row = 0; row < 4; row++) {
          const of = [...logits.slice(row * 6, row * 6 + 6)]
          total += Math.log(of.reduce((a, x) => a + Math.exp(x), 0)) - of[labels[row]]
        }
        return [total / 4]
      },
    }))

  it('softmax cross entropy of large logits is finite', () =>
    tidy(() => {
      const logits = tensor([1000, 0, -1000, 1000], [2, 2]) as Tensor2D
      expect(softmaxCrossEntropy(logits, tensor([0, 0], [2], 'int32') as Tensor1D).dataSync()[0]).toBe(1000)
    }))

  it('softmax cross entropy of no row is 0 with a zero gradient', () => {
    const before = memory().numTensors
    tidy(() => {
      const x = tensor([1, 2, 3], [1, 1, 3]) as Tensor3D
      const none = tensor([], [1, 0], 'int32') as Tensor2D
      const labels = tensor([], [0], 'int32') as Tensor1D
      const loss = () => softmaxCrossEntropy(reshape(gatherRows(x, none), [0, 3]), labels)
      expect(loss().dataSync()[0]).toBe(0)
      expect(gradientOf(x, loss)).toEqual([0, 0, 0])
    })
    expect(memory().numTensors).toBe(before)
  })

  it('binary cross entropy', () =>
    checkOperator({
      inputs: { logits: { shape: [3, 4] }, targets: { shape: [3, 4], values: [0, 1, 0.5, 0, 1, 1, 0, 0, 1, 0.25, 0, 1] } },
      apply: ({ logits, targets }) => bceWithLogits(logits, targets),
      reference: ({ logits, targets }) => logits.map((x, i) => targets[i] * Math.log(1 + Math.exp(-x)) + (1 - targets[i]) * Math.log(1 + Math.exp(x))),
    }))

  it('binary cross entropy of large logits is exact', () =>
    tidy(() => {
      const y = bceWithLogits(tensor([200, -200, 200, -200]), tensor([1, 0, 0, 1]))
      expect([...y.dataSync()]).toEqual([0, 0, 200, 200])
    }))

  it('norm of all tensors together', () =>
    tidy(() => {
      expect(globalNorm([tensor([3, 0]), tensor([[0], [4]]), tensor(12)]).dataSync()[0]).toBeCloseTo(13, 5)
      expect(globalNorm([]).dataSync()[0]).toBe(0)
    }))

  it('moving average', () =>
    tidy(() => {
      const old = tensor([1, 2, 3, 4, 5])
      expectClose(ema(old, tensor([5, 4, 3, 2, 1]), 0.75).dataSync(), [2, 2.5, 3, 3.5, 4], 1e-6)
      expect([...old.dataSync()]).toEqual([1, 2, 3, 4, 5])
    }))

  it('AdamW update', () =>
    tidy(() => {
      const [p, g, m, v] = [
        [1, -2, 3, 0.5, 4],
        [0.1, -0.2, 0.3, 0, 1e-6],
        [0.5, 0.4, -0.3, 0.2, 0],
        [0.01, 0.02, 0.5, 0.04, 0],
      ]
      const rates = { rate: 0.1, beta1: 0.9, beta2: 0.98, eps: 1e-8, decay: 0.05 }
      const next = adamwUpdate({ parameter: tensor(p), gradient: tensor(g), m: tensor(m), v: tensor(v) }, rates)
      const mNext = m.map((x, i) => 0.9 * x + 0.1 * g[i])
      const vNext = v.map((x, i) => 0.98 * x + 0.02 * g[i] ** 2)
      expectClose(next.m.dataSync(), mNext, 1e-6)
      expectClose(next.v.dataSync(), vNext, 1e-6)
      expectClose(
        next.parameter.dataSync(),
        p.map((x, i) => (x - (0.1 * mNext[i]) / (Math.sqrt(vNext[i]) + 1e-8)) * 0.95),
        1e-6,
      )
    }))
})
