// Operators in double precision, on flat arrays.

/** erf by its Taylor series, exact to double precision for |x| < 3. */
export function erf(x: number): number {
  let term = x
  let total = x
  for (let n = 1; n < 60; n++) {
    term *= -(x * x) / n
    total += term / (2 * n + 1)
  }
  return (2 / Math.sqrt(Math.PI)) * total
}

/** x `[..., n]` */
export function layerNormReference(x: Float64Array, weight: Float64Array, bias: Float64Array, eps: number): Float64Array {
  const n = weight.length
  return x.map((_, i) => {
    const row = x.subarray(i - (i % n), i - (i % n) + n)
    const mean = row.reduce((a, b) => a + b, 0) / n
    const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / n
    return ((x[i] - mean) / Math.sqrt(variance + eps)) * weight[i % n] + bias[i % n]
  })
}

export interface AttentionSizes {
  batch: number
  heads: number
  queries: number
  keys: number
  width: number
}

/** q `[B, Tq, d]`, k and v `[B, Tk, d]`, mask `[B, Tk]`, keep `[B, h, Tq, Tk]` */
export function attentionReference(
  { batch, heads, queries, keys, width }: AttentionSizes,
  { q, k, v, mask, keep }: { q: Float64Array; k: Float64Array; v: Float64Array; mask?: Float64Array; keep?: Float64Array },
): Float64Array {
  const d = width / heads
  const out = new Float64Array(batch * queries * width)
  for (let b = 0; b < batch; b++)
    for (let h = 0; h < heads; h++)
      for (let i = 0; i < queries; i++) {
        const at = (row: number, length: number) => (b * length + row) * width + h * d
        const scores = Array.from({ length: keys }, (_, j) => {
          let dot = 0
          for (let c = 0; c < d; c++) dot += q[at(i, queries) + c] * k[at(j, keys) + c]
          return Math.exp(dot / Math.sqrt(d) + (mask ? mask[b * keys + j] : 0))
        })
        const total = scores.reduce((a, x) => a + x, 0)
        for (let j = 0; j < keys; j++) {
          const p = (scores[j] / total) * (keep ? keep[((b * heads + h) * queries + i) * keys + j] : 1)
          for (let c = 0; c < d; c++) out[at(i, queries) + c] += p * v[at(j, keys) + c]
        }
      }
  return out
}

/** x `[..., in]` times weight `[in, out]` plus bias. */
export function linearReference(x: Float64Array, weight: Float64Array, bias: Float64Array): Float64Array {
  const [outs, ins] = [bias.length, weight.length / bias.length]
  return Float64Array.from({ length: (x.length / ins) * outs }, (_, at) => {
    const [row, column] = [Math.floor(at / outs), at % outs]
    let total = bias[column]
    for (let i = 0; i < ins; i++) total += x[row * ins + i] * weight[i * outs + column]
    return total
  })
}

export const geluReference = (x: Float64Array): Float64Array => x.map((x) => (x * (1 + erf(x / Math.SQRT2))) / 2)

export const quickGeluReference = (x: Float64Array): Float64Array => x.map((x) => x / (1 + Math.exp(-1.702 * x)))
