import { exp4 } from './math'

// Abramowitz and Stegun 7.1.26: 1 - erf(z) = (a1 t + ... + a5 t^5) exp(-z^2), t = 1 / (1 + p z), for z >= 0; absolute error 1.5e-7.
function upperTail4(z: v128, gaussian: v128): v128 {
  const t = f32x4.div(f32x4.splat(1), f32x4.add(f32x4.mul(z, f32x4.splat(0.3275911)), f32x4.splat(1)))
  let p = f32x4.splat(1.061405429)
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(-1.453152027))
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(1.421413741))
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(-0.284496736))
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(0.254829592))
  return f32x4.mul(f32x4.mul(p, t), gaussian)
}

/** Phi(x), the normal distribution function; `gaussian` = exp(-x^2 / 2). */
function cumulative4(x: v128, gaussian: v128): v128 {
  const half = f32x4.mul(upperTail4(f32x4.mul(f32x4.abs(x), f32x4.splat(<f32>Math.SQRT1_2)), gaussian), f32x4.splat(0.5))
  return v128.bitselect(f32x4.sub(f32x4.splat(1), half), half, f32x4.ge(x, f32x4.splat(0)))
}

function gaussian4(x: v128): v128 {
  return exp4(f32x4.mul(f32x4.mul(x, x), f32x4.splat(-0.5)))
}

function gelu4(x: v128): v128 {
  return f32x4.mul(x, cumulative4(x, gaussian4(x)))
}

function geluGrad4(dy: v128, x: v128): v128 {
  const gaussian = gaussian4(x)
  const density = f32x4.mul(gaussian, f32x4.splat(0.3989422804014327))
  return f32x4.mul(dy, f32x4.add(cumulative4(x, gaussian), f32x4.mul(x, density)))
}

function sigmoid4(x: v128): v128 {
  return f32x4.div(f32x4.splat(1), f32x4.add(f32x4.splat(1), exp4(f32x4.neg(x))))
}

function quickGelu4(x: v128): v128 {
  return f32x4.mul(x, sigmoid4(f32x4.mul(x, f32x4.splat(1.702))))
}

function quickGeluGrad4(dy: v128, x: v128): v128 {
  const scaled = f32x4.mul(x, f32x4.splat(1.702))
  const s = sigmoid4(scaled)
  return f32x4.mul(dy, f32x4.mul(s, f32x4.add(f32x4.mul(scaled, f32x4.sub(f32x4.splat(1), s)), f32x4.splat(1))))
}

// The last four values of an array are computed again when its size is no multiple of four: one loop body stays inlined.
// Arrays of less than four go through the scratch.

export function gelu(x: usize, y: usize, count: i32, scratch: usize): void {
  if (count < 4) {
    memory.copy(scratch, x, count << 2)
    gelu(scratch, scratch, 4, 0)
    memory.copy(y, scratch, count << 2)
    return
  }
  for (let i = 0; i < count; i += 4) {
    const at: usize = min(i, count - 4) << 2
    v128.store(y + at, gelu4(v128.load(x + at)))
  }
}

export function quickGelu(x: usize, y: usize, count: i32, scratch: usize): void {
  if (count < 4) {
    memory.copy(scratch, x, count << 2)
    quickGelu(scratch, scratch, 4, 0)
    memory.copy(y, scratch, count << 2)
    return
  }
  for (let i = 0; i < count; i += 4) {
    const at: usize = min(i, count - 4) << 2
    v128.store(y + at, quickGelu4(v128.load(x + at)))
  }
}

export function geluGrad(dy: usize, x: usize, dx: usize, count: i32, scratch: usize): void {
  if (count < 4) {
    memory.copy(scratch, x, count << 2)
    memory.copy(scratch + 16, dy, count << 2)
    geluGrad(scratch + 16, scratch, scratch, 4, 0)
    memory.copy(dx, scratch, count << 2)
    return
  }
  for (let i = 0; i < count; i += 4) {
    const at: usize = min(i, count - 4) << 2
    v128.store(dx + at, geluGrad4(v128.load(dy + at), v128.load(x + at)))
  }
}

export function quickGeluGrad(dy: usize, x: usize, dx: usize, count: i32, scratch: usize): void {
  if (count < 4) {
    memory.copy(scratch, x, count << 2)
    memory.copy(scratch + 16, dy, count << 2)
    quickGeluGrad(scratch + 16, scratch, scratch, 4, 0)
    memory.copy(dx, scratch, count << 2)
    return
  }
  for (let i = 0; i < count; i += 4) {
    const at: usize = min(i, count - 4) << 2
    v128.store(dx + at, quickGeluGrad4(v128.load(dy + at), v128.load(x + at)))
  }
}
