import { add, clone, engine, getBackend, grad, memory, mul, setBackend, slice, sum, tensor, tensor1d, tidy } from '@tensorflow/tfjs-core'
import '@tensorflow/tfjs-backend-cpu'
import { startBackend } from '@unidiag/core/backend/backend'
import { adamwUpdateAll } from '@unidiag/core/ops/adamw'
import { emaAll } from '@unidiag/core/ops/ema'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { theAddon } from './aten.js'
import { startTorch } from './backend.js'
import { torchHere, whyNot } from './test-support/torch-here.js'

describe.skipIf(!torchHere)(`torch backend${whyNot}`, () => {
  beforeAll(async () => {
    // Started from here rather than from dist; startBackend then only adds the gradients.
    await startTorch({ threads: 1 })
    await startBackend('cpu')
  }, 120_000)
  beforeEach(async () => {
    await setBackend('torch')
  })

  it('is the backend, and computes gradients', async () => {
    expect(getBackend()).toBe('torch')
    const x = tensor1d([1, 2, 3])
    expect([...grad((v) => sum(mul(v, v)))(x).dataSync()]).toEqual([2, 4, 6])
  })

  it('leaves nothing in libtorch when tfjs disposes', () => {
    const before = theAddon().memory()
    tidy(() => {
      const x = tensor([1, 2, 3, 4], [2, 2])
      add(slice(x, [0, 1], [2, 1]), x).dataSync()
    })
    expect(theAddon().memory()).toEqual(before)
  })

  it('releases what a kernel had made when it fails', () => {
    const before = theAddon().memory()
    tidy(() => {
      // The transposed views are made, then the product fails.
      const matMul = () =>
        engine().runKernel('BatchMatMul', { a: tensor([1, 2], [2, 1]), b: tensor([1, 2, 3], [3, 1]) }, { transposeA: true, transposeB: true })
      expect(matMul).toThrow(/^aten::linear\(Float\[1,2\], Float\[3,1\], None\): mat1 and mat2 shapes cannot be multiplied/)
    })
    expect(theAddon().memory()).toEqual(before)
  })

  it('refuses a tensor that was disposed', () => {
    const x = tensor1d([1])
    x.dispose()
    expect(() => add(x, 1)).toThrow(/disposed/)
  })

  it('exchanges tensors with another backend, there and back', async () => {
    const x = tensor1d([1, 2])
    await setBackend('cpu')
    const y = add(x, 1)
    const strings = tensor(['a', 'b'])
    await setBackend('torch')
    expect([...add(y, x).dataSync()]).toEqual([3, 5])
    expect(strings.dataSync()).toEqual(['a', 'b'])
  })

  it('updates in place only what no one else sees', () => {
    const before = memory().numTensors
    tidy(() => {
      const parameter = tensor1d([1, 2])
      const kept = clone(parameter)
      const view = slice(parameter, [0], [1])
      const own = { gradient: tensor1d([1, 1]), m: tensor1d([0, 0]), v: tensor1d([0, 0]) }
      const rates = { rate: 0.5, beta1: 0.9, beta2: 0.98, eps: 1e-8, decay: 0.1 }
      const [next] = adamwUpdateAll([{ parameter, ...own }], rates)
      expect([...kept.dataSync(), ...view.dataSync()]).toEqual([1, 2, 1])
      expect(next.m.dataId).toBe(own.m.dataId)
      const step = (0.5 * 0.1) / (Math.sqrt(0.02) + 1e-8)
      for (const [i, value] of next.parameter.dataSync().entries()) expect(value).toBeCloseTo((i + 1 - step) * 0.9, 5)
    })
    expect(memory().numTensors).toBe(before)
  })

  it('averages in place', () => {
    const [average, value] = [tensor1d([1, 2]), tensor1d([3, 6])]
    const [next] = emaAll([average], [value], 0.75)
    average.dispose()
    expect([...next.dataSync()]).toEqual([1.5, 3])
  })
})
