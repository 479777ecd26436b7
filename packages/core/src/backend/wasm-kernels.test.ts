import { readFileSync } from 'node:fs'
import {
  abs,
  add,
  engine,
  getKernel,
  type KernelConfig,
  matMul,
  max,
  randomNormal,
  sub,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  tensor,
  tidy,
  transpose,
  unsortedSegmentSum,
} from '@tensorflow/tfjs-core'
import { useBackend } from '@unidiag/testing/backends'
import { describe, expect, it } from 'vitest'
import { linear } from '../ops/linear.js'

describe('kernels of the wasm backend', () => {
  useBackend()

  const table = readFileSync(new URL('../ops/fused.ts', import.meta.url), 'utf8')
  const names = [...table.matchAll(/^ \* \| (UniDiag\w+(?:, UniDiag\w+)*) \|/gm)].flatMap(([, cell]) => cell.split(', '))

  it('are all there', () => {
    expect(names.length).toBeGreaterThan(20)
    // All parameters at once is one call a parameter here, a part of a projection a product, and a sub-layer its operators.
    const composed = (name: string): boolean => /All$|^UniDiagProjections$|^UniDiag(?:FeedForward|AttentionSublayer)(?:Grad)?$/.test(name)
    expect(names.filter((name) => !composed(name) && !getKernel(name, 'wasm'))).toEqual([])
  })

  // Around the sizes of register tiles (4 rows, 8 columns) and blocks (128 rows, 256 deep).
  it.each([
    [1, 1, 1],
    [4, 8, 8],
    [5, 7, 9],
    [127, 255, 15],
    [128, 256, 16],
    [129, 257, 17],
    [300, 520, 43],
  ])('linear [%i, %i] x [, %i] and its gradients are those of matmul', (m, k, n) => {
    const errors = tidy(() => {
      const x = randomNormal([m, k], 0, 1, 'float32', 1) as Tensor2D
      const weight = randomNormal([k, n], 0, 1, 'float32', 2) as Tensor2D
      const bias = randomNormal([n], 0, 1, 'float32', 3) as Tensor1D
      const dy = randomNormal([m, n], 0, 1, 'float32', 4) as Tensor2D
      const { grads } = engine().gradients(() => linear(x, weight, bias), [x, weight], dy)
      const error = (a: Tensor, b: Tensor) => max(abs(sub(a, b))).dataSync()[0]
      return [
        error(linear(x, weight, bias), add(matMul(x, weight), bias)),
        error(grads[0], matMul(dy, transpose(weight))),
        error(grads[1], matMul(transpose(x), dy)),
      ] as never
    }) as unknown as number[]
    for (const error of errors) expect(error).toBeLessThan(1e-5 * Math.sqrt(Math.max(m, n, k)) + 2e-5)
  })

  it('do not outgrow their scratch memory when sizes change', () => {
    tidy(() => {
      for (const n of [3, 900, 5, 1800, 1800]) {
        const y = linear(randomNormal([4, 300]) as Tensor2D, randomNormal([300, n]) as Tensor2D)
        expect(y.dataSync().every(Number.isFinite)).toBe(true)
      }
    })
  })

  it('sum segments, leaving out negative ones', () => {
    tidy(() => {
      const sums = unsortedSegmentSum(tensor([1, 2, 3, 4, 5, 6], [3, 2]), tensor([1, -1, 1], [3], 'int32') as Tensor1D, 3)
      expect([...sums.dataSync()]).toEqual([0, 0, 6, 8, 0, 0])
    })
  })

  it('are called by the operators', () => {
    const kernel = getKernel('UniDiagLinear', 'wasm') as KernelConfig
    const original = kernel.kernelFunc
    let calls = 0
    kernel.kernelFunc = (parameters) => {
      calls++
      return original(parameters)
    }
    try {
      tidy(() => linear(randomNormal([2, 2]), randomNormal([2, 2]) as Tensor2D))
    } finally {
      kernel.kernelFunc = original
    }
    expect(calls).toBe(1)
  })
})
