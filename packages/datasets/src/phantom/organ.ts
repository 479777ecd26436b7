import type { Canvas } from './canvas.js'
import type { Tissues } from './modality.js'
import type { Organ } from './scene.js'

/** A section through the body: outline and inner structures. */
export const drawOrgan: Readonly<Record<Organ, (canvas: Canvas, tissues: Tissues) => void>> = {
  head(canvas, { body, bone, organ, cavity }) {
    canvas.ellipse(0, 0, 0.72, 0.92, body)
    canvas.ellipse(0, 0, 0.66, 0.86, bone)
    canvas.ellipse(0, 0, 0.55, 0.75, organ)
    canvas.ellipse(-0.1, -0.05, 0.07, 0.24, cavity)
    canvas.ellipse(0.1, -0.05, 0.07, 0.24, cavity)
  },
  chest(canvas, { body, bone, cavity }) {
    canvas.ellipse(0, 0, 0.95, 0.78, body)
    canvas.ellipse(-0.45, -0.02, 0.34, 0.56, cavity)
    canvas.ellipse(0.45, -0.02, 0.34, 0.56, cavity)
    canvas.ellipse(0, 0.56, 0.13, 0.13, bone)
  },
  abdomen(canvas, { body, bone, organ, cavity }) {
    canvas.ellipse(0, 0, 0.92, 0.72, body)
    canvas.ellipse(-0.36, -0.1, 0.44, 0.46, organ)
    canvas.ellipse(0.46, -0.18, 0.24, 0.26, organ)
    canvas.ellipse(0, 0.46, 0.15, 0.15, bone)
    canvas.ellipse(0.1, -0.48, 0.16, 0.08, cavity)
  },
  pelvis(canvas, { body, bone, cavity }) {
    canvas.ellipse(0, 0, 0.95, 0.62, body)
    for (const x of [-0.7, 0.7]) {
      canvas.ellipse(x, 0.02, 0.18, 0.32, bone)
      canvas.ellipse(x, 0.02, 0.07, 0.2, body)
    }
    canvas.ellipse(0, -0.22, 0.2, 0.16, cavity)
    canvas.ellipse(0, 0.42, 0.2, 0.1, bone)
  },
}
