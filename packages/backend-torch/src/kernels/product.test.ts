import { add, engine, ones, slice, type Tensor2D, type Tensor3D, tensor, tidy } from '@tensorflow/tfjs-core'
import { startBackend } from '@unidiag/core/backend/backend'
import type { Precision } from '@unidiag/core/backend/engines'
import { attention } from '@unidiag/core/ops/attention'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import '@tensorflow/tfjs-backend-cpu'
import { theAddon } from '../aten.js'
import { startTorch } from '../backend.js'
import { torchHere, whyNot } from '../test-support/torch-here.js'

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
