/** exp of each lane, relative error about 1e-7; NaN stays. Follows the usual split x = n ln 2 + r with a polynomial in r. */
export function exp4(x: v128): v128 {
  // pmin and pmax are one instruction each; min and max, which order zeros, are many.
  x = f32x4.pmax(f32x4.pmin(x, f32x4.splat(88.3762626647949)), f32x4.splat(-87.3365447504))
  // Adding 1.5 x 2^23 rounds, and leaves n in the low bits.
  const magic = f32x4.splat(12582912)
  const shifted = f32x4.add(f32x4.mul(x, f32x4.splat(<f32>Math.LOG2E)), magic)
  const n = f32x4.sub(shifted, magic)
  let r = f32x4.sub(x, f32x4.mul(n, f32x4.splat(0.693359375)))
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(-2.1219444e-4)))
  let p = f32x4.splat(1.98756915e-4)
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.3981999507e-3))
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(8.3334519073e-3))
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(4.1665795894e-2))
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.6666665459e-1))
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(5.0000001201e-1))
  p = f32x4.add(f32x4.add(f32x4.mul(f32x4.mul(p, r), r), r), f32x4.splat(1))
  return f32x4.mul(p, i32x4.shl(i32x4.add(shifted, i32x4.splat(127)), 23))
}

/** Natural logarithm of each lane, for positive normal x; relative error about 1e-7. */
export function log4(x: v128): v128 {
  // x = m 2^e with m in [sqrt(1/2), sqrt 2)
  const offset = i32x4.sub(x, i32x4.splat(0x3f3504f3))
  const e = f32x4.convert_i32x4_s(i32x4.shr_s(offset, 23))
  const m = i32x4.add(v128.and(offset, i32x4.splat(0x7fffff)), i32x4.splat(0x3f3504f3))
  const r = f32x4.sub(m, f32x4.splat(1))
  const s = f32x4.mul(r, r)
  let p = f32x4.splat(7.0376836292e-2)
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(-1.151461031e-1))
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.167699874e-1))
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(-1.2420140846e-1))
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.4249322787e-1))
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(-1.6668057665e-1))
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(2.0000714765e-1))
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(-2.4999993993e-1))
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(3.3333331174e-1))
  p = f32x4.mul(f32x4.mul(p, r), s)
  p = f32x4.add(p, f32x4.mul(e, f32x4.splat(-2.1219444e-4)))
  p = f32x4.sub(p, f32x4.mul(s, f32x4.splat(0.5)))
  return f32x4.add(f32x4.add(r, p), f32x4.mul(e, f32x4.splat(0.693359375)))
}

/** cos of a turn of x / 2^32, x unsigned; absolute error about 1e-7. */
export function cos4(x: v128): v128 {
  return sin4(i32x4.add(x, i32x4.splat(0x40000000)))
}

/** sin of a turn of x / 2^32, x unsigned; absolute error about 1e-7. */
export function sin4(x: v128): v128 {
  // The nearest quarter of a turn, and the angle from it in [-pi / 4, pi / 4].
  const quarter = i32x4.shr_u(i32x4.add(x, i32x4.splat(0x20000000)), 30)
  const angle = f32x4.mul(f32x4.convert_i32x4_s(i32x4.sub(x, i32x4.shl(quarter, 30))), f32x4.splat(<f32>(Math.PI / 2147483648)))
  const s = f32x4.mul(angle, angle)
  let sine = f32x4.splat(-1.9515295891e-4)
  sine = f32x4.add(f32x4.mul(sine, s), f32x4.splat(8.3321608736e-3))
  sine = f32x4.add(f32x4.mul(sine, s), f32x4.splat(-1.6666654611e-1))
  sine = f32x4.add(f32x4.mul(f32x4.mul(sine, s), angle), angle)
  let cosine = f32x4.splat(2.443315711809948e-5)
  cosine = f32x4.add(f32x4.mul(cosine, s), f32x4.splat(-1.388731625493765e-3))
  cosine = f32x4.add(f32x4.mul(cosine, s), f32x4.splat(4.166664568298827e-2))
  cosine = f32x4.add(f32x4.mul(f32x4.mul(cosine, s), s), f32x4.sub(f32x4.splat(1), f32x4.mul(s, f32x4.splat(0.5))))
  const odd = i32x4.ne(v128.and(quarter, i32x4.splat(1)), i32x4.splat(0))
  // Quarters 2 and 3 are negative.
  const sign = i32x4.shl(v128.and(quarter, i32x4.splat(2)), 30)
  return v128.xor(v128.bitselect(cosine, sine, odd), sign)
}

/** Sum of the four lanes. */
export function sum4(x: v128): f32 {
  return f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3)
}
