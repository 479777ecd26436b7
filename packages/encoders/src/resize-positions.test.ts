import { join } from 'node:path'
import { readFloat32 } from '@unidiag/core/io/safetensors'
import { describeShared } from '@unidiag/testing/shared'
import { describe, expect, it } from 'vitest'
import { resizePositions } from './resize-positions.js'

describe('resizePositions', () => {
  it('keeps the class row, and a constant grid constant', () => {
    const stored = { shape: [10, 1], data: Float32Array.of(7, ...Array<number>(9).fill(3)) }
    const { shape, data } = resizePositions(stored, 5)
    expect(shape).toEqual([26, 1])
    expect(data[0]).toBe(7)
    for (const value of data.subarray(1)) expect(value).toBeCloseTo(3, 6)
  })

  it('hands back what is not a table of a square grid', () => {
    for (const shape of [[11, 2], [1, 2], [5]]) {
      const stored = { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) }
      expect(resizePositions(stored, 2)).toBe(stored)
    }
  })
})

describeShared('resizePositions against torch', (dir) => {
  it.each([
    [14, 18],
    [2, 7],
    [3, 4],
    [4, 3],
    [5, 5],
    [7, 24],
  ])('from %d to %d', async (from, to) => {
    const io = await readFloat32(join(dir, 'parity/hf_io.safetensors'))
    const [before, after] = ['in', 'out'].map((side) => io.get(`bicubic.${from}to${to}.${side}`))
    if (!before || !after) throw new Error('the fixture lacks this size')
    const { shape, data } = resizePositions(before, to)
    expect(shape).toEqual(after.shape)
    for (const [i, value] of data.entries()) expect(Math.abs(value - after.data[i])).toBeLessThan(5e-6)
  })
})
