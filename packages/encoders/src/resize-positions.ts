import type { FileTensor } from '@unidiag/core/nn/parameter'

/**
 * Brings a position table `[1 + g * g, width]` to another grid: `[1 + side * side, width]`. Row 0 (the class token) stays as it is,
 * the others are resized as torch does with `mode='bicubic', align_corners=False`: half-pixel centres, cubic convolution with
 * A = -0.75, border by clamping, no anti-aliasing (reference: clip_model.py). A table that is not of that form is handed back unchanged.
 */
export function resizePositions(stored: FileTensor, side: number): FileTensor {
  const [rows, width] = stored.shape
  const grid = Math.round(Math.sqrt(rows - 1))
  if (stored.shape.length !== 2 || grid < 1 || grid * grid + 1 !== rows) return stored
  const taps = cubicTaps(grid, side)
  const data = new Float32Array((1 + side * side) * width)
  data.set(stored.data.subarray(0, width))
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++)
      for (let channel = 0; channel < width; channel++) {
        let sum = 0
        for (const [row, rowWeight] of taps[y])
          for (const [column, columnWeight] of taps[x]) sum += rowWeight * columnWeight * stored.data[(1 + row * grid + column) * width + channel]
        data[(1 + y * side + x) * width + channel] = sum
      }
  return { shape: [1 + side * side, width], data }
}

/** For each of `to` places, the four places of `from` that it is made of and their weights. */
function cubicTaps(from: number, to: number): (readonly [place: number, weight: number])[][] {
  return Array.from({ length: to }, (_, place) => {
    const source = ((place + 0.5) * from) / to - 0.5
    const first = Math.floor(source)
    return [-1, 0, 1, 2].map((offset) => [Math.min(Math.max(first + offset, 0), from - 1), cubic(Math.abs(source - first - offset))] as const)
  })
}

const A = -0.75

/** Keys' cubic convolution kernel at distance `d`. */
const cubic = (d: number): number => {
  if (d >= 2) return 0
  return d <= 1 ? ((A + 2) * d - (A + 3)) * d * d + 1 : (((d - 5) * d + 8) * d - 4) * A
}
