import { add, engine, ones, slice, type Tensor2D, type Tensor3D, tensor, tidy } from '@tensorflow/tfjs-core'
import { startBackend } from '@unidiag/core/backend/backend'
import type { Precision } from '@unidiag/core/backend/engines'
import { attention } from '@unidiag/core/ops/attention'
import { native } from '@unidiag/core/ops/fused'
import { linear } from '@unidiag/core/ops/linear'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import '@tensorflow/tfjs-backend-cpu'
import { has, scoped, theAddon, upload } from '../aten.js'
import { startTorch } from '../backend.js'
import { download } from '../download.js'
import { FLOAT32 } from '../dtypes.js'
import { namedSequence } from '../sequence.js'
import { torchHere, whyNot } from '../test-support/torch-here.js'
import { affine, affineGradients, type Engine } from './product.js'

const values = (count: number, seed: number): Float32Array => Float32Array.from({ length: count }, (_, i) => Math.sin(seed + i * 1.37))

/** [M, K] by [K, N] in double precision. */
function exact(a: Float32Array, b: Float32Array, m: number, k: number, n: number): Float64Array {
  const y = new Float64Array(m * n)
  for (let i = 0; i < m; i++) for (let l = 0; l < k; l++) for (let j = 0; j < n; j++) y[i * n + j] += a[i * k + l] * b[l * n + j]
  return y
}

const transposed = (x: Float32Array, rows: number, columns: number): Float32Array =>
  Float32Array.from({ length: x.length }, (_, i) => x[(i % rows) * columns + Math.floor(i / rows)])

const worst = (ours: ArrayLike<number>, theirs: ArrayLike<number>): number =>
  Array.from(ours).reduce((most, y, i) => Math.max(most, Math.abs(y - theirs[i]!)), 0)

describe.skipIf(!torchHere)(`matrix products${whyNot}`, () => {
  const use = (precision: Precision) => startTorch({ threads: 1, precision })
  beforeAll(async () => {
    await use('f32')
    await startBackend('cpu')
  }, 120_000)
  beforeEach(async () => {
    await use('f32')
  })

  // Large enough for oneDNN, and too small.
  for (const [m, k, n] of [
    [128, 96, 112],
    [24, 16, 20],
  ] as const) {
    const [a, b] = [values(m * k, 1), values(k * n, 2)]
    const expected = exact(a, b, m, k, n)
    for (const transposeA of [false, true])
      for (const transposeB of [false, true])
        it(`of ${m} x ${k} by ${k} x ${n}, transposed: ${transposeA}, ${transposeB}`, () => {
          tidy(() => {
            const left = transposeA ? tensor(transposed(a, m, k), [k, m]) : tensor(a, [m, k])
            const right = transposeB ? tensor(transposed(b, k, n), [n, k]) : tensor(b, [k, n])
            const y = engine().runKernel('BatchMatMul', { a: left, b: right }, { transposeA, transposeB })
            expect(worst((y as Tensor2D).dataSync(), expected)).toBeLessThan(1e-4)
          })
        })
  }

  it('of parts of wider matrices', () => {
    const [m, k, n] = [128, 96, 112]
    const [a, b] = [values(m * 2 * k, 1), values(k * 2 * n, 2)]
    tidy(() => {
      const [left, right] = [slice(tensor(a, [m, 2 * k]), [0, k], [m, k]), slice(tensor(b, [k, 2 * n]), [0, n], [k, n])]
      const part = (x: Float32Array, rows: number, width: number) =>
        Float32Array.from({ length: rows * width }, (_, i) => x[Math.floor(i / width) * 2 * width + width + (i % width)])
      const y = engine().runKernel('BatchMatMul', { a: left, b: right }, { transposeA: false, transposeB: false })
      expect(worst((y as Tensor2D).dataSync(), exact(part(a, m, k), part(b, k, n), m, k, n))).toBeLessThan(1e-4)
    })
  })

  it('takes one thread for small operators and all for large ones', async () => {
    await startTorch({ threads: 2 })
    const multiply = (n: number) =>
      tidy(() => void engine().runKernel('BatchMatMul', { a: ones([n, n]), b: ones([n, n]) }, { transposeA: false, transposeB: false }))
    multiply(16)
    expect(theAddon().threads()).toBe(1)
    multiply(256)
    expect(theAddon().threads()).toBe(2)
    tidy(() => void add(ones([512, 512]), 1))
    expect(theAddon().threads()).toBe(2)
    tidy(() => void add(ones([5]), 1))
    expect(theAddon().threads()).toBe(1)
  })

  it('by every engine that this libtorch has, with their gradients', () => {
    const [m, k, n] = [48, 32, 24]
    const engines: Engine[] = has('mkldnn::_linear_pointwise') ? ['f32', 'oneDnn'] : ['f32']
    const [x, weight, bias, dy] = [values(m * k, 1), values(k * n, 2), values(n, 3), values(m * n, 4)]
    const expected = [
      exact(x, weight, m, k, n).map((y, i) => y + bias[i % n]!),
      exact(dy, transposed(weight, k, n), m, n, k),
      exact(transposed(x, m, k), dy, k, m, n),
      bias.map((_, column) => dy.reduce((sum, y, i) => sum + (i % n === column ? y : 0), 0)),
    ]
    for (const engine of engines) {
      const compute = namedSequence(['x', 'weight', 'bias', 'dy'], (op, g) => {
        const gradients = affineGradients(op, engine, { x: g.x, dy: () => g.dy, weight: g.weight, inputs: [-1, k], outputs: [-1, n] })
        return [affine(op, engine, g.x, g.weight, g.bias), gradients.x(), gradients.weight(), gradients.bias()]
      })
      scoped(
        () => {
          const up = (data: Float32Array, ...shape: number[]) => upload(data, shape, FLOAT32)
          const made = compute({ x: up(x, 2, m / 2, k), weight: up(weight, k, n), bias: up(bias, n), dy: up(dy, 2, m / 2, n) })
          for (const [i, result] of made.entries()) expect(worst(download(result), expected[i]!), `${engine}, result ${i}`).toBeLessThan(1e-4)
        },
        () => [],
      )
    }
  })

  it('in bf16: the copy of a weight follows it when it changes in place, and dies with it', async () => {
    await use('bf16')
    const bytes = () => theAddon().memory().bytes
    const before = bytes()
    tidy(() => {
      const [x, weight] = [ones([64, 32]), ones([32, 16]) as Tensor2D]
      const first = () => linear(x, weight).dataSync()[0]
      expect(first()).toBe(32)
      const held = bytes()
      expect(first()).toBe(32)
      // Only the result is new: the copy was there.
      expect(bytes() - held).toBe(64 * 16 * 4)
      const [doubled] = native('UniDiagScaleAll', { x: [weight] }, { factor: 2 }) as [Tensor2D]
      expect(linear(x, doubled).dataSync()[0]).toBe(64)
    })
    expect(bytes()).toBe(before)
  })

  it('in bf16: results in float32, off by what bfloat16 costs', async () => {
    const [m, k, n] = [128, 96, 112]
    const [a, b] = [values(m * k, 1), values(k * n, 2)]
    const multiply = () =>
      tidy(() => {
        const y = engine().runKernel('BatchMatMul', { a: tensor(a, [m, k]), b: tensor(b, [k, n]) }, { transposeA: false, transposeB: false }) as Tensor2D
        expect(y.dtype).toBe('float32')
        return y.dataSync()
      })
    const expected = exact(a, b, m, k, n)
    await use('bf16')
    const off = worst(multiply(), expected)
    expect(off).toBeGreaterThan(1e-3)
    // Factors of at most 1 are rounded by 2^-9 of themselves, and the result once more.
    expect(off).toBeLessThan(k * 2 ** -8)
    await use('f32')
    expect(worst(multiply(), expected)).toBeLessThan(1e-4)
  })

  it('in bf16: attention with a mask', async () => {
    const attend = () =>
      tidy(() => {
        const [q, k, v] = [1, 2, 3].map((seed) => tensor(values(2 * 5 * 16, seed), [2, 5, 16])) as [Tensor3D, Tensor3D, Tensor3D]
        const mask = tensor([0, 0, 0, 0, -10000, 0, 0, -10000, -10000, -10000], [2, 5]) as Tensor2D
        return attention(q, k, v, { heads: 2, mask }).dataSync()
      })
    const expected = attend()
    await use('bf16')
    const off = worst(attend(), expected)
    expect(off).toBeGreaterThan(1e-5)
    expect(off).toBeLessThan(0.02)
  })
})
