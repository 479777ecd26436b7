import { sum4 } from './math'
import { matmul } from './matmul'
import { softmaxRow } from './softmax'

/**
 * Attention of every sample and head. q and y are [batch, queries, width], k and v [batch, keys, width], mask [batch, keys] or 0,
 * keep [batch, heads, queries, keys] or 0, like p, the probabilities before dropout.
 * @param scores scratch of queries x keys elements
 */
export function attention(
  q: usize,
  k: usize,
  v: usize,
  mask: usize,
  keep: usize,
  y: usize,
  p: usize,
  batch: i32,
  heads: i32,
  queries: i32,
  keys: i32,
  width: i32,
  scores: usize,
  scratch: usize,
): void {
  const d = width / heads
  const scale: f32 = 1 / sqrt<f32>(<f32>d)
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      const atQ: usize = (b * queries * width + h * d) << 2
      const atK: usize = (b * keys * width + h * d) << 2
      matmul(q + atQ, width, 1, k + atK, 1, width, scores, keys, queries, keys, d, scratch, false)
      for (let i = 0; i < queries; i++) softmaxRow(scores + ((i * keys) << 2), mask ? mask + ((b * keys) << 2) : 0, scale, p + ((i * keys) << 2), keys)
      let weights = p
      if (keep) {
        multiply(p, keep, scores, queries * keys)
        weights = scores
        keep += (queries * keys) << 2
      }
      matmul(weights, keys, 1, v + atK, width, 1, y + atQ, width, queries, d, keys, scratch, false)
      p += (queries * keys) << 2
    }
  }
}

/** @param dScores scratch of 2 x queries x keys elements */
export function attentionGrad(
  dy: usize,
  q: usize,
  k: usize,
  v: usize,
  p: usize,
  keep: usize,
  dq: usize,
  dk: usize,
  dv: usize,
  batch: i32,
  heads: i32,
  queries: i32,
  keys: i32,
  width: i32,
  dScores: usize,
  scratch: usize,
): void {
  const d = width / heads
  const scale: f32 = 1 / sqrt<f32>(<f32>d)
  const size = queries * keys
  const kept = dScores + (size << 2)
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      const atQ: usize = (b * queries * width + h * d) << 2
      const atK: usize = (b * keys * width + h * d) << 2
      matmul(dy + atQ, width, 1, v + atK, 1, width, dScores, keys, queries, keys, d, scratch, false)
      let weights = p
      if (keep) {
        multiply(p, keep, kept, size)
        multiply(dScores, keep, dScores, size)
        weights = kept
        keep += size << 2
      }
      matmul(weights, 1, keys, dy + atQ, width, 1, dv + atK, width, keys, d, queries, scratch, false)
      for (let i = 0; i < queries; i++) softmaxGradRow(p + ((i * keys) << 2), dScores + ((i * keys) << 2), scale, keys)
      matmul(dScores, keys, 1, k + atK, width, 1, dq + atQ, width, queries, d, keys, scratch, false)
      matmul(dScores, 1, keys, q + atQ, width, 1, dk + atK, width, keys, d, queries, scratch, false)
      p += size << 2
    }
  }
}

/** dp becomes p (dp - sum(p dp)) scale. */
function softmaxGradRow(p: usize, dp: usize, scale: f32, n: i32): void {
  let total4 = f32x4.splat(0)
  let i = 0
  for (; i + 4 <= n; i += 4) total4 = f32x4.add(total4, f32x4.mul(v128.load(p + (i << 2)), v128.load(dp + (i << 2))))
  let total = sum4(total4)
  for (; i < n; i++) total += load<f32>(p + (i << 2)) * load<f32>(dp + (i << 2))
  for (i = 0; i + 4 <= n; i += 4) {
    const scaled = f32x4.mul(v128.load(p + (i << 2)), f32x4.splat(scale))
    v128.store(dp + (i << 2), f32x4.mul(scaled, f32x4.sub(v128.load(dp + (i << 2)), f32x4.splat(total))))
  }
  for (; i < n; i++) store<f32>(dp + (i << 2), load<f32>(p + (i << 2)) * scale * (load<f32>(dp + (i << 2)) - total))
}

function multiply(a: usize, b: usize, to: usize, n: i32): void {
  let i = 0
  for (; i + 4 <= n; i += 4) v128.store(to + (i << 2), f32x4.mul(v128.load(a + (i << 2)), v128.load(b + (i << 2))))
  for (; i < n; i++) store<f32>(to + (i << 2), load<f32>(a + (i << 2)) * load<f32>(b + (i << 2)))
}
