import type { Picture } from '../image/picture.js'
import { resample } from '../image/resample.js'

/** What a picture looks like, whatever its size and compression: 16 x 16 greys around their mean, of length 1; all 0 of a blank picture. */
export type Look = Float32Array

const SIDE = 16

export function lookOf(picture: Picture): Look {
  const { width, height, channels } = picture
  const geometry = { box: { x: 0, y: 0, width, height }, target: { width: SIDE, height: SIDE }, window: { x: 0, y: 0, size: SIDE } }
  const small = resample(picture, geometry)
  const greys = Float32Array.from({ length: SIDE * SIDE }, (_, i) => small.subarray(i * channels, (i + 1) * channels).reduce((sum, value) => sum + value, 0))
  const mean = greys.reduce((sum, value) => sum + value, 0) / greys.length
  const length = Math.hypot(...greys.map((value) => value - mean))
  return greys.map((value) => (length > 0 ? (value - mean) / length : 0))
}

/** Correlation of two looks: 1 for the same picture, also lighter or with more contrast. */
export function likeness(a: Look, b: Look): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}
