import type { Rng } from '@unidiag/core/random'
import { Canvas } from './canvas.js'
import { drawLesion } from './lesion.js'
import { finish, tissues } from './modality.js'
import { drawOrgan } from './organ.js'
import type { Scene } from './scene.js'

/**
 * Paints a scene with another position, size, intensity and noise for each state of `rng`.
 * @param noise standard deviation of the grey values' noise, 1 = white
 * @returns `[size, size]` grey levels
 */
export function paint({ modality, organ, lesion }: Scene, size: number, noise: number, rng: Rng): Uint8Array {
  const jitter = (range: number): number => range * (2 * rng.uniform() - 1)
  const canvas = new Canvas(size, { x: jitter(0.07), y: jitter(0.07), scale: 0.95 + jitter(0.07) }, tissues[modality].air)
  drawOrgan[organ](canvas, tissues[modality])
  if (lesion) drawLesion(canvas, lesion, rng)
  finish[modality](canvas, rng)
  const gain = 0.9 + jitter(0.12)
  const offset = jitter(0.04)
  const normals = rng.normals(size * size)
  return Uint8Array.from(canvas.data, (value, i) => Math.min(255, Math.max(0, Math.round(255 * (gain * value + offset + noise * normals[i])))))
}
