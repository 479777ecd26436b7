/** Every row of a [rows, n] matrix becomes `row`. */
export function fillRows(row: usize, to: usize, rows: i32, n: i32): void {
  for (let r = 0; r < rows; r++) memory.copy(to + ((r * n) << 2), row, n << 2)
}

/** to[j] = sum over rows of x[r, j]. */
export function columnSum(x: usize, to: usize, rows: i32, n: i32): void {
  memory.fill(to, 0, n << 2)
  for (let r = 0; r < rows; r++) addRow(x + ((r * n) << 2), to, n)
}

/** to += from */
function addRow(from: usize, to: usize, n: i32): void {
  let i = 0
  for (; i + 4 <= n; i += 4) v128.store(to + (i << 2), f32x4.add(v128.load(to + (i << 2)), v128.load(from + (i << 2))))
  for (; i < n; i++) store<f32>(to + (i << 2), load<f32>(to + (i << 2)) + load<f32>(from + (i << 2)))
}

/** Rows `index` of each of `batch` matrices [count, n]; y is [batch, rows, n]. An index out of range gives zeros. */
export function gatherRows(x: usize, index: usize, y: usize, batch: i32, count: i32, rows: i32, n: i32): void {
  for (let b = 0; b < batch; b++) {
    const from = x + ((b * count * n) << 2)
    for (let r = 0; r < rows; r++) {
      const at = load<i32>(index)
      index += 4
      if (<u32>at < <u32>count) memory.copy(y, from + ((at * n) << 2), n << 2)
      else memory.fill(y, 0, n << 2)
      y += n << 2
    }
  }
}

/** The transpose of `gatherRows`: adds the rows of y to rows `index` of x, which starts at 0. Rows `skip` and out of range are left out. */
export function scatterRows(y: usize, index: usize, x: usize, batch: i32, count: i32, rows: i32, n: i32, skip: i32): void {
  memory.fill(x, 0, (batch * count * n) << 2)
  for (let b = 0; b < batch; b++) {
    const to = x + ((b * count * n) << 2)
    for (let r = 0; r < rows; r++) {
      const at = load<i32>(index)
      index += 4
      if (<u32>at < <u32>count && at !== skip) addRow(y, to + ((at * n) << 2), n)
      y += n << 2
    }
  }
}
