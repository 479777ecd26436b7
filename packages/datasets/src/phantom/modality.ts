import type { Rng } from '@unidiag/core/random'
import type { Canvas } from './canvas.js'
import type { Modality } from './scene.js'

/** Grey values of tissues, 0 to 1. */
export interface Tissues {
  readonly air: number
  readonly body: number
  readonly bone: number
  /** Large solid organs. */
  readonly organ: number
  /** Lungs, ventricles, bladder. */
  readonly cavity: number
}

export const tissues: Readonly<Record<Modality, Tissues>> = {
  ct: { air: 0.03, body: 0.42, bone: 0.9, organ: 0.54, cavity: 0.22 },
  mr: { air: 0.02, body: 0.6, bone: 0.1, organ: 0.46, cavity: 0.25 },
  radiograph: { air: 0.25, body: 0.6, bone: 0.78, organ: 0.68, cavity: 0.42 },
  ultrasound: { air: 0.16, body: 0.36, bone: 0.6, organ: 0.48, cavity: 0.14 },
}

/** Half the opening angle of an ultrasound sector, radians, and where its tip is above the image. */
const SECTOR = { angle: 0.8, tip: -1.35, near: 0.45, far: 2.2 }

/** What the machine adds to the drawing. */
export const finish: Readonly<Record<Modality, (canvas: Canvas, rng: Rng) => void>> = {
  ct: () => {},
  mr(canvas, rng) {
    // The field of a receiver coil: brighter towards one side.
    const angle = 2 * Math.PI * rng.uniform()
    canvas.map((value, x, y) => value * (1 + 0.3 * (x * Math.cos(angle) + y * Math.sin(angle))))
  },
  radiograph(canvas, rng) {
    // Everything is in projection: a slow gradient, and stripes as of ribs.
    const phase = 2 * Math.PI * rng.uniform()
    canvas.map((value, _, y) => value + 0.08 * y + 0.05 * Math.sin(14 * y + phase))
  },
  ultrasound(canvas, rng) {
    const speckle = rng.uniforms(canvas.data.length)
    canvas.map((value, x, y, index) => {
      const radius = Math.hypot(x, y - SECTOR.tip)
      const outside = Math.abs(Math.atan2(x, y - SECTOR.tip)) > SECTOR.angle || radius < SECTOR.near || radius > SECTOR.far
      return outside ? 0 : value * (0.7 + 0.6 * speckle[index])
    })
  },
}
