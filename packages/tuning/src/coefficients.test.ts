import { describe, expect, it } from 'vitest'
import { coefficients } from './coefficients.js'

describe('coefficients', () => {
  it.each([
    [1.5, 0.851115],
    [2, 0.802625],
    [5, 0.537883],
    [10, 0.238406],
  ])('a side that contributes %f times as much is damped to %f', (rho, k) => {
    expect(coefficients({ text: rho, image: 1 }, 0.1, false)).toEqual({ rhoText: rho, kText: expect.closeTo(k, 6), kImage: 1 })
    expect(coefficients({ text: 1, image: rho }, 0.1, false)).toEqual({ rhoText: 1 / rho, kText: 1, kImage: expect.closeTo(k, 6) })
  })

  it('damps neither side of a tie, or the image as the released code does', () => {
    expect(coefficients({ text: 3, image: 3 }, 0.1, false)).toEqual({ rhoText: 1, kText: 1, kImage: 1 })
    expect(coefficients({ text: 3, image: 3 }, 0.1, true)).toEqual({ rhoText: 1, kText: 1, kImage: expect.closeTo(0.900332, 6) })
  })

  it('stays finite when a side contributes nothing', () => {
    expect(coefficients({ text: 0.5, image: 0 }, 0.1, true)).toEqual({ rhoText: Infinity, kText: 0, kImage: 1 })
    expect(coefficients({ text: 0, image: 0 }, 0.1, false)).toEqual({ rhoText: 1, kText: 1, kImage: 1 })
  })
})
