import { exp4, sum4 } from './math'

/**
 * y = softmax(scale x + mask) over n values; no mask when it is 0. x is overwritten, its first value with sum exp(scale x + mask - max).
 * @returns max(scale x + mask)
 */
export function softmaxRow(x: usize, mask: usize, scale: f32, y: usize, n: i32): f32 {
  const scale4 = f32x4.splat(scale)
  let top4 = f32x4.splat(-Infinity)
  let top: f32 = -Infinity
  let i = 0
  for (; i + 4 <= n; i += 4) {
    let s = f32x4.mul(v128.load(x + (i << 2)), scale4)
    if (mask) s = f32x4.add(s, v128.load(mask + (i << 2)))
    v128.store(x + (i << 2), s)
    top4 = f32x4.pmax(top4, s)
  }
  for (; i < n; i++) {
    let s = load<f32>(x + (i << 2)) * scale
    if (mask) s += load<f32>(mask + (i << 2))
    store<f32>(x + (i << 2), s)
    top = max<f32>(top, s)
  }
  top = max<f32>(
    top,
    max<f32>(max<f32>(f32x4.extract_lane(top4, 0), f32x4.extract_lane(top4, 1)), max<f32>(f32x4.extract_lane(top4, 2), f32x4.extract_lane(top4, 3))),
  )
  let total4 = f32x4.splat(0)
  for (i = 0; i + 4 <= n; i += 4) {
    const e = exp4(f32x4.sub(v128.load(x + (i << 2)), f32x4.splat(top)))
    v128.store(y + (i << 2), e)
    total4 = f32x4.add(total4, e)
  }
  let total = sum4(total4)
  for (; i < n; i++) {
    const e = f32x4.extract_lane(exp4(f32x4.splat(load<f32>(x + (i << 2)) - top)), 0)
    store<f32>(y + (i << 2), e)
    total += e
  }
  const inverse: f32 = 1 / total
  for (i = 0; i + 4 <= n; i += 4) v128.store(y + (i << 2), f32x4.mul(v128.load(y + (i << 2)), f32x4.splat(inverse)))
  for (; i < n; i++) store<f32>(y + (i << 2), load<f32>(y + (i << 2)) * inverse)
  store<f32>(x, total)
  return top
}
