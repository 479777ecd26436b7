import type { Rng } from '@unidiag/core/random'
import type { Canvas } from './canvas.js'
import type { Finding, Lesion } from './scene.js'

const BRIGHT = 1
const DARK = 0

/** Where a finding usually is, on the right of the image, and how it is drawn there. */
interface Drawing {
  readonly x: number
  readonly y: number
  draw(canvas: Canvas, x: number, y: number, large: boolean, rng: Rng): void
}

const drawings: Readonly<Record<Finding, Drawing>> = {
  mass: {
    x: 0.4,
    y: -0.22,
    draw(canvas, x, y, large) {
      const radius = large ? 0.34 : 0.17
      canvas.ellipse(x, y, radius, radius, BRIGHT)
    },
  },
  cyst: {
    x: 0.4,
    y: 0.2,
    draw(canvas, x, y, large) {
      const radius = large ? 0.36 : 0.21
      canvas.ellipse(x, y, radius, radius, BRIGHT)
      canvas.ellipse(x, y, radius - 0.08, radius - 0.08, DARK)
    },
  },
  effusion: {
    x: 0.42,
    y: 0.55,
    draw(canvas, x, y, large) {
      canvas.basin(x - 0.3, y - (large ? 0.6 : 0.28), x + 0.3, y, BRIGHT)
    },
  },
  fracture: {
    x: 0.62,
    y: -0.02,
    draw(canvas, x, y, large, rng) {
      const length = large ? 0.46 : 0.22
      const lean = 0.08 * (2 * rng.uniform() - 1)
      canvas.line(x - lean, y - length, x + lean, y + length, 0.34, BRIGHT)
      canvas.line(x - lean, y - length, x + lean, y + length, 0.16, DARK)
    },
  },
  calcification: {
    x: 0.36,
    y: 0,
    draw(canvas, x, y, large, rng) {
      const [rows, reach] = large ? [5, 0.44] : [3, 0.2]
      for (let i = 0; i < rows; i++) {
        const row = y + reach * ((2 * i) / (rows - 1) - 1)
        const column = x + (i % 2 === 0 ? -1 : 1) * (0.12 + 0.06 * rng.uniform())
        canvas.ellipse(column, row, 0.11, 0.11, BRIGHT)
      }
    },
  },
}

export function drawLesion(canvas: Canvas, { finding, side, extent }: Lesion, rng: Rng): void {
  const { x, y, draw } = drawings[finding]
  const jitter = (): number => 0.07 * (2 * rng.uniform() - 1)
  // Radiologists look at the patient: the patient's left is on the right of the image.
  draw(canvas, (side === 'left' ? 1 : -1) * (x + jitter()), y + jitter(), extent === 'large', rng)
}
