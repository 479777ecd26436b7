import { Random } from '@unidiag/core/random'
import { describe, expect, it } from 'vitest'
import { randomResizedCrop, resizeAndCenterCrop, roundHalfEven } from './geometry.js'

describe('roundHalfEven', () => {
  it.each([
    [0.5, 0],
    [1.5, 2],
    [2.5, 2],
    [2.4, 2],
    [2.6, 3],
  ])('%d -> %d', (x, expected) => expect(roundHalfEven(x)).toBe(expected))
})

describe('resizeAndCenterCrop', () => {
  it('resizes the shorter side and cuts the middle, halves to even', () => {
    expect(resizeAndCenterCrop({ width: 61, height: 20 }, 16)).toMatchObject({ target: { width: 48, height: 16 }, window: { x: 16, y: 0, size: 16 } })
    expect(resizeAndCenterCrop({ width: 10, height: 21 }, 10)).toMatchObject({ target: { width: 10, height: 21 }, window: { x: 0, y: 6, size: 10 } })
    expect(resizeAndCenterCrop({ width: 10, height: 19 }, 10).window.y).toBe(4)
  })
})

describe('randomResizedCrop', () => {
  const sizes = [
    { width: 400, height: 300 },
    { width: 300, height: 400 },
    { width: 320, height: 320 },
  ]

  it.each(sizes)('stays inside $width x $height and within area and ratio', (size) => {
    for (let i = 0; i < 200; i++) {
      const { box, target } = randomResizedCrop(size, 32, new Random(1).rng('crop', i))
      expect(box.x).toBeGreaterThanOrEqual(0)
      expect(box.y).toBeGreaterThanOrEqual(0)
      expect(box.x + box.width).toBeLessThanOrEqual(size.width)
      expect(box.y + box.height).toBeLessThanOrEqual(size.height)
      expect((box.width * box.height) / (size.width * size.height)).toBeGreaterThan(0.89)
      expect(box.width / box.height).toBeGreaterThan(0.74)
      expect(box.width / box.height).toBeLessThan(1.35)
      expect(target).toEqual({ width: 32, height: 32 })
    }
  })

  it('takes the largest central rectangle of a picture that no try fits', () => {
    expect(randomResizedCrop({ width: 100, height: 10 }, 8, new Random(1).rng()).box).toEqual({ x: 43, y: 0, width: 13, height: 10 })
    expect(randomResizedCrop({ width: 10, height: 100 }, 8, new Random(1).rng()).box).toEqual({ x: 0, y: 43, width: 10, height: 13 })
  })
})
