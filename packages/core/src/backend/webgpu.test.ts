import {
  add,
  addN,
  engine,
  getBackend,
  grad,
  logicalNot,
  matMul,
  memory,
  mul,
  sum,
  type Tensor,
  tensor,
  tensor1d,
  tidy,
  unsortedSegmentSum,
  zeros,
} from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { startDawn } from './dawn.js'
import { importModule } from './engines.js'
import { startBackend } from './start.js'

const adapter = await startDawn(importModule).then(
  (dawn) => dawn.adapter,
  () => undefined,
)

describe.skipIf(!adapter)(`webgpu${adapter ? ` on ${adapter.description}` : ' (skipped, no WebGPU adapter)'}`, () => {
  beforeAll(async () => {
    expect(await startBackend('webgpu')).toEqual({ name: 'webgpu', reason: 'webgpu, as asked for', software: adapter?.isFallbackAdapter })
  })

  // Larger than what tfjs computes on the processor.
  const large = (value: number): Tensor => add(zeros([64, 64]), value)

  it('is the backend, and computes gradients', () => {
    expect(getBackend()).toBe('webgpu')
    expect(
      grad((x) => sum(mul(x, x)))(large(3))
        .dataSync()
        .slice(0, 2),
    ).toEqual(Float32Array.of(6, 6))
  })

  it('reads without waiting, also while others wait', async () => {
    const [waiting, reading] = [large(1), large(2)]
    const later = waiting.data()
    expect(reading.dataSync()[4095]).toBe(2)
    expect((await later)[4095]).toBe(1)
    expect(logicalNot(tensor([true, false])).dataSync()).toEqual(Uint8Array.of(0, 1))
  })

  it('adds more tensors than a shader may have inputs', () => {
    for (const count of [1, 2, 7, 8, 9, 40]) {
      const before = memory().numDataBuffers
      tidy(() => {
        const numbers = Array.from({ length: count }, (_, i) => large(i))
        expect(addN(numbers).dataSync()[5]).toBe((count * (count - 1)) / 2)
      })
      expect(memory().numDataBuffers).toBe(before)
    }
  })

  it('sums nothing to zero', () => {
    expect(sum(zeros([0, 3]), 0).dataSync()).toEqual(new Float32Array(3))
    expect(matMul(zeros([2, 0]), zeros([0, 2])).dataSync()).toEqual(new Float32Array(4))
    expect(unsortedSegmentSum(zeros([0, 2]), tensor1d([], 'int32'), 1).dataSync()).toEqual(new Float32Array(2))
  })

  it('tells whoever reads a value that the GPU failed', () => {
    const { device } = engine().backend as unknown as { device: { createBuffer(of: object): unknown } }
    device.createBuffer({ size: 16, usage: 1 | 2 })
    expect(() => large(1).dataSync()).toThrow(/^WebGPU failed: /)
    expect(large(1).dataSync()[0]).toBe(1)
  })
})
