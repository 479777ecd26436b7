/**
 * Fixed 2-D sine-cosine positions of a square grid, class row (zeros) first (reference: prediction_heads.py).
 * The first half of the width encodes the column, the second half the row; each half is [sin, cos] of position * 10000^(-i / quarter).
 * @param width a multiple of 4
 * @returns `[1 + grid * grid, width]`, row-major
 */
export function sinCosPositions(grid: number, width: number): Float32Array {
  const quarter = width / 4
  const table = new Float32Array((1 + grid * grid) * width)
  for (let y = 0; y < grid; y++) {
    for (let x = 0; x < grid; x++) {
      const row = (1 + y * grid + x) * width
      for (let i = 0; i < quarter; i++) {
        const omega = 10000 ** (-i / quarter)
        table[row + i] = Math.sin(x * omega)
        table[row + quarter + i] = Math.cos(x * omega)
        table[row + 2 * quarter + i] = Math.sin(y * omega)
        table[row + 3 * quarter + i] = Math.cos(y * omega)
      }
    }
  }
  return table
}
