/** Vectors of one length, one after another: `[N, width]`. */
export interface Matrix {
  readonly width: number
  readonly data: Float32Array
}

export const rowsOf = ({ data, width }: Matrix): Float32Array[] =>
  Array.from({ length: data.length / width }, (_, i) => data.subarray(i * width, (i + 1) * width))
