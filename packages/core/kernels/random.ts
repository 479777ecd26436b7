import { cos4, log4, sin4 } from './math'
import { threefry4 } from './threefry'

/**
 * What dropout multiplies by: `scale` where the 16-bit number is at least `threshold`, else 0.
 * Sixteen values come from the four blocks 4 g .. 4 g + 3: low, then high halves of the first words, then of the second words.
 * @param from the first value, a multiple of 16
 * @param scratch 96 bytes
 */
export function keepMask(to: usize, from: i32, count: i32, key0: i32, key1: i32, threshold: i32, scale: f32, scratch: usize): void {
  const limit = i32x4.splat(threshold)
  const kept = f32x4.splat(scale)
  const low = i32x4.splat(0xffff)
  let counter = i32x4.add(i32x4(0, 1, 2, 3), i32x4.splat(from >> 2))
  for (let left = count; left > 0; left -= 16) {
    threefry4(key0, key1, counter, scratch)
    const x0 = v128.load(scratch)
    const x1 = v128.load(scratch, 16)
    const target = left >= 16 ? to : scratch + 32
    v128.store(target, v128.and(i32x4.ge_s(v128.and(x0, low), limit), kept))
    v128.store(target, v128.and(i32x4.ge_s(i32x4.shr_u(x0, 16), limit), kept), 16)
    v128.store(target, v128.and(i32x4.ge_s(v128.and(x1, low), limit), kept), 32)
    v128.store(target, v128.and(i32x4.ge_s(i32x4.shr_u(x1, 16), limit), kept), 48)
    if (left < 16) memory.copy(to, target, left << 2)
    to += 64
    counter = i32x4.add(counter, i32x4.splat(4))
  }
}

/** -ln(1 - u) for u = word / 2^32. */
function minusLogRest4(word: v128): v128 {
  const unit = f32x4.splat(<f32>(1 / 4294967296))
  const u = f32x4.mul(f32x4.convert_i32x4_u(word), unit)
  // 1 - u, counted from the far end, so that it keeps its precision where it is small; where u is small, the series does.
  const rest = f32x4.mul(f32x4.add(f32x4.convert_i32x4_u(v128.not(word)), f32x4.splat(1)), unit)
  let series = f32x4.add(f32x4.mul(u, f32x4.splat(0.25)), f32x4.splat(<f32>(1 / 3)))
  series = f32x4.add(f32x4.mul(series, u), f32x4.splat(0.5))
  series = f32x4.add(f32x4.mul(f32x4.mul(series, u), u), u)
  return v128.bitselect(series, f32x4.neg(log4(rest)), f32x4.lt(u, f32x4.splat(0.00390625)))
}

/**
 * Standard normals (Box-Muller): block c gives values 2 c and 2 c + 1, sqrt(-2 ln(1 - u)) times cos and sin of 2 pi v.
 * @param from the first value, a multiple of 8
 * @param scratch 64 bytes
 */
export function normals(to: usize, from: i32, count: i32, key0: i32, key1: i32, scratch: usize): void {
  let counter = i32x4.add(i32x4(0, 1, 2, 3), i32x4.splat(from >> 1))
  for (let left = count; left > 0; left -= 8) {
    threefry4(key0, key1, counter, scratch)
    const radius = f32x4.sqrt(f32x4.mul(minusLogRest4(v128.load(scratch)), f32x4.splat(2)))
    const turn = v128.load(scratch, 16)
    const x = f32x4.mul(radius, cos4(turn))
    const y = f32x4.mul(radius, sin4(turn))
    const target = left >= 8 ? to : scratch + 32
    v128.store(target, i32x4.shuffle(x, y, 0, 4, 1, 5))
    v128.store(target, i32x4.shuffle(x, y, 2, 6, 3, 7), 16)
    if (left < 8) memory.copy(to, target, left << 2)
    to += 32
    counter = i32x4.add(counter, i32x4.splat(4))
  }
}
