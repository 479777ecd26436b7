/**
 * How a parameter is stored in files (PyTorch's layout, so that weights travel between the two) and in memory.
 * - `plain`: the same.
 * - `linear`: file `[out, in]`, memory `[in, out]`, because a matmul without transpose flags is the fast one on every backend.
 * - `patch`: file `[out, 3, p, p]` (a convolution), memory `[p * p * 3, out]` with (row, column, channel) order, applied to flattened patches.
 */
export type Layout = 'plain' | 'linear' | 'patch'

interface Stored {
  readonly shape: readonly number[]
  readonly data: Float32Array
}

/** @param shape the shape in memory */
export function toFile(layout: Layout, shape: readonly number[], data: Float32Array = new Float32Array(0)): Stored {
  if (layout === 'plain') return { shape, data }
  const [rows, columns] = shape
  if (layout === 'linear') return { shape: [columns, rows], data: transpose(data, rows, columns) }
  const side = Math.round(Math.sqrt(rows / 3))
  const out = new Float32Array(data.length)
  if (data.length > 0)
    eachPatchWeight(side, columns, (memory, file) => {
      out[file] = data[memory]
    })
  return { shape: [columns, 3, side, side], data: out }
}

/** @param shape the shape in memory @param data values in file layout */
export function toMemory(layout: Layout, shape: readonly number[], data: Float32Array): Float32Array {
  if (layout === 'plain') return data
  const [rows, columns] = shape
  if (layout === 'linear') return transpose(data, columns, rows)
  const out = new Float32Array(data.length)
  eachPatchWeight(Math.round(Math.sqrt(rows / 3)), columns, (memory, file) => {
    out[memory] = data[file]
  })
  return out
}

function transpose(data: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(data.length)
  if (data.length > 0) for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[c * rows + r] = data[r * columns + c]
  return out
}

function eachPatchWeight(side: number, width: number, visit: (memory: number, file: number) => void): void {
  for (let o = 0; o < width; o++)
    for (let channel = 0; channel < 3; channel++)
      for (let y = 0; y < side; y++) for (let x = 0; x < side; x++) visit(((y * side + x) * 3 + channel) * width + o, ((o * 3 + channel) * side + y) * side + x)
}
