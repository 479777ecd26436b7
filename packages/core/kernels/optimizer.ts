import { sum4 } from './math'

/** One AdamW update; see `adamwUpdate` for the formula. */
export function adamw(
  p: usize,
  g: usize,
  m: usize,
  v: usize,
  pNext: usize,
  mNext: usize,
  vNext: usize,
  count: i32,
  rate: f32,
  beta1: f32,
  beta2: f32,
  rest1: f32,
  rest2: f32,
  eps: f32,
  kept: f32,
): void {
  let at: usize = 0
  for (let left = count; left >= 4; left -= 4) {
    const gradient = v128.load(g + at)
    const first = f32x4.add(f32x4.mul(v128.load(m + at), f32x4.splat(beta1)), f32x4.mul(gradient, f32x4.splat(rest1)))
    const second = f32x4.add(f32x4.mul(v128.load(v + at), f32x4.splat(beta2)), f32x4.mul(f32x4.mul(gradient, gradient), f32x4.splat(rest2)))
    const change = f32x4.div(f32x4.mul(first, f32x4.splat(rate)), f32x4.add(f32x4.sqrt(second), f32x4.splat(eps)))
    v128.store(pNext + at, f32x4.mul(f32x4.sub(v128.load(p + at), change), f32x4.splat(kept)))
    v128.store(mNext + at, first)
    v128.store(vNext + at, second)
    at += 16
  }
  for (let left = count & 3; left > 0; left--) {
    const gradient = load<f32>(g + at)
    const first = load<f32>(m + at) * beta1 + gradient * rest1
    const second = load<f32>(v + at) * beta2 + gradient * gradient * rest2
    store<f32>(pNext + at, (load<f32>(p + at) - (first * rate) / (sqrt<f32>(second) + eps)) * kept)
    store<f32>(mNext + at, first)
    store<f32>(vNext + at, second)
    at += 4
  }
}

/** y = average decay + value rest */
export function ema(average: usize, value: usize, y: usize, count: i32, decay: f32, rest: f32): void {
  let i = 0
  for (; i + 4 <= count; i += 4) {
    const kept = f32x4.mul(v128.load(average + (i << 2)), f32x4.splat(decay))
    v128.store(y + (i << 2), f32x4.add(kept, f32x4.mul(v128.load(value + (i << 2)), f32x4.splat(rest))))
  }
  for (; i < count; i++) store<f32>(y + (i << 2), load<f32>(average + (i << 2)) * decay + load<f32>(value + (i << 2)) * rest)
}

export function sum(x: usize, count: i32): f64 {
  let result: f64 = 0
  for (let i = 0; i < count; i++) result += <f64>load<f32>(x + (i << 2))
  return result
}

/** Sum of (x - centre)^2. */
export function sumOfSquares(x: usize, count: i32, centre: f32): f64 {
  let result: f64 = 0
  // Blocks, so that the error of single-precision sums does not grow with the size.
  for (let from = 0; from < count; from += 1024) {
    const to = min(from + 1024, count)
    let total = f32x4.splat(0)
    let i = from
    for (; i + 4 <= to; i += 4) {
      const y = f32x4.sub(v128.load(x + (i << 2)), f32x4.splat(centre))
      total = f32x4.add(total, f32x4.mul(y, y))
    }
    result += <f64>sum4(total)
    for (; i < to; i++) {
      const y = <f64>(load<f32>(x + (i << 2)) - centre)
      result += y * y
    }
  }
  return result
}
