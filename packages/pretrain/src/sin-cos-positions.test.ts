import { describe, expect, it } from 'vitest'
import { sinCosPositions } from './sin-cos-positions.js'

describe('sinCosPositions', () => {
  const width = 384
  const table = sinCosPositions(24, width)
  const at = (y: number, x: number) => table.subarray((1 + y * 24 + x) * width, (2 + y * 24 + x) * width)

  it('has a row of zeros for the class token', () => {
    expect(table).toHaveLength((1 + 24 * 24) * width)
    expect(table.subarray(0, width).every((value) => value === 0)).toBe(true)
  })

  it('is [0, 1, 0, 1] at the origin', () => {
    expect([0, 95, 96, 191, 192, 287, 288, 383].map((i) => at(0, 0)[i])).toEqual([0, 0, 1, 1, 0, 0, 1, 1])
  })

  it('encodes the column in the first half and the row in the second (values worked out by hand)', () => {
    const right = at(0, 1)
    const expected: [number, number][] = [
      [0, 0.841470985],
      [1, 0.788593041],
      [95, 1.10069417e-4],
      [96, 0.540302306],
      [97, 0.614915454],
      [191, 0.999999994],
      [192, 0],
      [288, 1],
    ]
    for (const [i, value] of expected) expect(right[i]).toBeCloseTo(value, 7)
    const down = at(1, 0)
    for (const [i, value] of [
      [0, 0],
      [96, 1],
      [192, 0.841470985],
      [193, 0.788593041],
      [287, 1.10069417e-4],
      [288, 0.540302306],
    ])
      expect(down[i]).toBeCloseTo(value, 7)
  })
})
