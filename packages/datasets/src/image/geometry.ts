import type { Rng } from '@unidiag/core/random'
import type { Geometry } from './resample.js'

interface Size {
  readonly width: number
  readonly height: number
}

/** Rounds halves to the even neighbour, as Python does. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x)
  return x - floor === 0.5 ? floor + (floor % 2) : Math.round(x)
}

/** Shorter side to `size`, aspect kept, then the central square (reference: transform.py, `clip`). */
export function resizeAndCenterCrop({ width, height }: Size, size: number): Geometry {
  const target = width <= height ? { width: size, height: Math.trunc((size * height) / width) } : { width: Math.trunc((size * width) / height), height: size }
  return {
    box: { x: 0, y: 0, width, height },
    target,
    window: { x: roundHalfEven((target.width - size) / 2), y: roundHalfEven((target.height - size) / 2), size },
  }
}

const SCALE = [0.9, 1] as const
const RATIO = [3 / 4, 4 / 3] as const
const TRIES = 10

/**
 * A random rectangle of 90 to 100 % of the area and a ratio of 3/4 to 4/3, resized to a square (reference: transform.py, `clip_resizedcrop`).
 * When ten tries do not fit: the largest central rectangle within the ratios.
 */
export function randomResizedCrop({ width, height }: Size, size: number, rng: Rng): Geometry {
  const square = (x: number, y: number, w: number, h: number): Geometry => ({
    box: { x, y, width: w, height: h },
    target: { width: size, height: size },
    window: { x: 0, y: 0, size },
  })
  for (let i = 0; i < TRIES; i++) {
    const area = width * height * (SCALE[0] + (SCALE[1] - SCALE[0]) * rng.uniform())
    const ratio = Math.exp(Math.log(RATIO[0]) + (Math.log(RATIO[1]) - Math.log(RATIO[0])) * rng.uniform())
    const w = roundHalfEven(Math.sqrt(area * ratio))
    const h = roundHalfEven(Math.sqrt(area / ratio))
    if (w > 0 && h > 0 && w <= width && h <= height) return square(rng.int(width - w + 1), rng.int(height - h + 1), w, h)
  }
  const w = width / height > RATIO[1] ? roundHalfEven(height * RATIO[1]) : width
  const h = width / height < RATIO[0] ? roundHalfEven(width / RATIO[0]) : height
  return square(Math.floor((width - w) / 2), Math.floor((height - h) / 2), w, h)
}
