import { type Tensor2D, tensor } from '@tensorflow/tfjs-core'
import type { Pooled } from '@unidiag/core/contracts/encoders'
import type { Step } from '@unidiag/core/step'

type Side = keyof Pooled

/** Pooled features of samples, on the host (8 d bytes a sample), so that encoders which do not change read each sample once. */
export class FeatureCache {
  readonly #rows: Readonly<Record<Side, Map<string, Float32Array>>> = { text: new Map(), image: new Map() }

  /** Features of the step's samples: those that are known, or else what `compute` gives. */
  pooled({ samples }: Pick<Step, 'samples'>, compute: () => Pooled): Pooled {
    if (samples.every(({ id }) => this.#rows.text.has(id))) {
      const known = (side: Side): Tensor2D => {
        const rows = samples.map(({ id }) => this.#rows[side].get(id)!)
        const values = new Float32Array(rows.length * rows[0].length)
        for (const [i, row] of rows.entries()) values.set(row, i * row.length)
        return tensor(values, [rows.length, rows[0].length])
      }
      return { text: known('text'), image: known('image') }
    }
    const made = compute()
    for (const side of ['text', 'image'] as const) {
      const values = made[side].dataSync() as Float32Array
      const width = made[side].shape[1]
      for (const [i, { id }] of samples.entries()) this.#rows[side].set(id, values.slice(i * width, (i + 1) * width))
    }
    return made
  }
}
