// Depth of a block of the inner dimension, rows of a block of A, and the columns that a register tile covers.
const DEPTH: i32 = 256
const ROWS: i32 = 128
const TILE: i32 = 8

/** Bytes of scratch that `matmul` needs for n columns. */
export function matmulScratch(n: i32): i32 {
  return (DEPTH * ((n + TILE - 1) & -TILE) + 4 * TILE) << 2
}

/**
 * C = A B, or C += A B. Element (i, p) of A lies at a + 4 (i aRow + p aColumn), of B at b + 4 (p bRow + j bColumn), so both may be transposes;
 * C has rows of cRow elements. B is packed into panels of 8 columns; tiles of 4 x 8 of C stay in registers while the inner dimension passes.
 */
export function matmul(
  a: usize,
  aRow: i32,
  aColumn: i32,
  b: usize,
  bRow: i32,
  bColumn: i32,
  c: usize,
  cRow: i32,
  m: i32,
  n: i32,
  k: i32,
  scratch: usize,
  accumulate: bool,
): void {
  if (k === 0 && !accumulate) for (let i = 0; i < m; i++) memory.fill(c + ((i * cRow) << 2), 0, n << 2)
  const edge = scratch
  const packed = scratch + ((4 * TILE) << 2)
  for (let p = 0; p < k; p += DEPTH) {
    const depth = min(DEPTH, k - p)
    pack(b + ((p * bRow) << 2), bRow, bColumn, packed, n, depth)
    const add = accumulate || p > 0
    for (let top = 0; top < m; top += ROWS) {
      const bottom = min(top + ROWS, m)
      for (let j = 0; j < n; j += TILE) {
        const panel = packed + ((j * depth) << 2)
        const columns = min(TILE, n - j)
        let i = top
        for (; i + 4 <= bottom; i += 4) {
          const from = a + ((i * aRow + p * aColumn) << 2)
          const to = c + ((i * cRow + j) << 2)
          if (columns === TILE) tile4(from, aRow, aColumn, panel, to, cRow, depth, add)
          else {
            tile4(from, aRow, aColumn, panel, edge, TILE, depth, false)
            for (let r = 0; r < 4; r++) copyRow(edge + ((r * TILE) << 2), to + ((r * cRow) << 2), columns, add)
          }
        }
        for (; i < bottom; i++) {
          const from = a + ((i * aRow + p * aColumn) << 2)
          const to = c + ((i * cRow + j) << 2)
          if (columns === TILE) tile1(from, aColumn, panel, to, depth, add)
          else {
            tile1(from, aColumn, panel, edge, depth, false)
            copyRow(edge, to, columns, add)
          }
        }
      }
    }
  }
}

/** Panels of 8 columns, each row of a panel contiguous; missing columns are 0. */
function pack(b: usize, bRow: i32, bColumn: i32, to: usize, n: i32, depth: i32): void {
  for (let j = 0; j < n; j += TILE) {
    const columns = min(TILE, n - j)
    const from = b + ((j * bColumn) << 2)
    if (columns === TILE && bColumn === 1) {
      for (let p = 0; p < depth; p++) {
        const row = from + ((p * bRow) << 2)
        v128.store(to, v128.load(row))
        v128.store(to, v128.load(row, 16), 16)
        to += TILE << 2
      }
      continue
    }
    for (let jj = 0; jj < TILE; jj++) {
      let read = from + ((jj * bColumn) << 2)
      let write = to + (jj << 2)
      for (let p = 0; p < depth; p++) {
        store<f32>(write, jj < columns ? load<f32>(read) : 0)
        read += bRow << 2
        write += TILE << 2
      }
    }
    to += (depth * TILE) << 2
  }
}

function copyRow(from: usize, to: usize, count: i32, add: bool): void {
  for (let i = 0; i < count << 2; i += 4) store<f32>(to + i, load<f32>(from + i) + (add ? load<f32>(to + i) : 0))
}

function tile4(a: usize, aRow: i32, aColumn: i32, panel: usize, c: usize, cRow: i32, depth: i32, add: bool): void {
  let a0 = a
  let a1 = a + (aRow << 2)
  let a2 = a + (aRow << 3)
  let a3 = a2 + (aRow << 2)
  const step: usize = aColumn << 2
  let x00 = f32x4.splat(0)
  let x01 = x00
  let x10 = x00
  let x11 = x00
  let x20 = x00
  let x21 = x00
  let x30 = x00
  let x31 = x00
  for (let p = 0; p < depth; p++) {
    const b0 = v128.load(panel)
    const b1 = v128.load(panel, 16)
    panel += TILE << 2
    let s = v128.load32_splat(a0)
    x00 = f32x4.add(x00, f32x4.mul(s, b0))
    x01 = f32x4.add(x01, f32x4.mul(s, b1))
    s = v128.load32_splat(a1)
    x10 = f32x4.add(x10, f32x4.mul(s, b0))
    x11 = f32x4.add(x11, f32x4.mul(s, b1))
    s = v128.load32_splat(a2)
    x20 = f32x4.add(x20, f32x4.mul(s, b0))
    x21 = f32x4.add(x21, f32x4.mul(s, b1))
    s = v128.load32_splat(a3)
    x30 = f32x4.add(x30, f32x4.mul(s, b0))
    x31 = f32x4.add(x31, f32x4.mul(s, b1))
    a0 += step
    a1 += step
    a2 += step
    a3 += step
  }
  storeRow(c, x00, x01, add)
  storeRow(c + (cRow << 2), x10, x11, add)
  storeRow(c + (cRow << 3), x20, x21, add)
  storeRow(c + (cRow << 3) + (cRow << 2), x30, x31, add)
}

function tile1(a: usize, aColumn: i32, panel: usize, c: usize, depth: i32, add: bool): void {
  let x0 = f32x4.splat(0)
  let x1 = x0
  for (let p = 0; p < depth; p++) {
    const s = v128.load32_splat(a)
    x0 = f32x4.add(x0, f32x4.mul(s, v128.load(panel)))
    x1 = f32x4.add(x1, f32x4.mul(s, v128.load(panel, 16)))
    panel += TILE << 2
    a += aColumn << 2
  }
  storeRow(c, x0, x1, add)
}

function storeRow(c: usize, x0: v128, x1: v128, add: bool): void {
  v128.store(c, add ? f32x4.add(x0, v128.load(c)) : x0)
  v128.store(c, add ? f32x4.add(x1, v128.load(c, 16)) : x1, 16)
}
