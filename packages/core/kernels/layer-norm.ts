import { sum4 } from './math'

export function layerNorm(x: usize, weight: usize, bias: usize, y: usize, means: usize, rstds: usize, rows: i32, n: i32, eps: f32): void {
  for (let r = 0; r < rows; r++) {
    let i = 0
    let total = f32x4.splat(0)
    for (; i + 4 <= n; i += 4) total = f32x4.add(total, v128.load(x + (i << 2)))
    let mean = sum4(total)
    for (; i < n; i++) mean += load<f32>(x + (i << 2))
    mean /= <f32>n

    // Two passes: the variance is that of the centred values, so that a small eps holds in single precision.
    const mean4 = f32x4.splat(mean)
    total = f32x4.splat(0)
    for (i = 0; i + 4 <= n; i += 4) {
      const d = f32x4.sub(v128.load(x + (i << 2)), mean4)
      total = f32x4.add(total, f32x4.mul(d, d))
    }
    let variance = sum4(total)
    for (; i < n; i++) {
      const d = load<f32>(x + (i << 2)) - mean
      variance += d * d
    }
    const rstd: f32 = 1 / sqrt<f32>(variance / <f32>n + eps)

    const rstd4 = f32x4.splat(rstd)
    for (i = 0; i + 4 <= n; i += 4) {
      const normal = f32x4.mul(f32x4.sub(v128.load(x + (i << 2)), mean4), rstd4)
      v128.store(y + (i << 2), f32x4.add(f32x4.mul(normal, v128.load(weight + (i << 2))), v128.load(bias + (i << 2))))
    }
    for (; i < n; i++) store<f32>(y + (i << 2), (load<f32>(x + (i << 2)) - mean) * rstd * load<f32>(weight + (i << 2)) + load<f32>(bias + (i << 2)))
    store<f32>(means + (r << 2), mean)
    store<f32>(rstds + (r << 2), rstd)
    x += n << 2
    y += n << 2
  }
}

export function layerNormGrad(
  dy: usize,
  x: usize,
  weight: usize,
  means: usize,
  rstds: usize,
  dx: usize,
  dWeight: usize,
  dBias: usize,
  rows: i32,
  n: i32,
): void {
  memory.fill(dWeight, 0, n << 2)
  memory.fill(dBias, 0, n << 2)
  for (let r = 0; r < rows; r++) {
    const mean = load<f32>(means + (r << 2))
    const rstd = load<f32>(rstds + (r << 2))
    const mean4 = f32x4.splat(mean)
    const rstd4 = f32x4.splat(rstd)
    let i = 0
    let sum = f32x4.splat(0)
    let dot = f32x4.splat(0)
    for (; i + 4 <= n; i += 4) {
      const at = i << 2
      const g = v128.load(dy + at)
      const normal = f32x4.mul(f32x4.sub(v128.load(x + at), mean4), rstd4)
      const d = f32x4.mul(g, v128.load(weight + at))
      sum = f32x4.add(sum, d)
      dot = f32x4.add(dot, f32x4.mul(d, normal))
      v128.store(dWeight + at, f32x4.add(v128.load(dWeight + at), f32x4.mul(g, normal)))
      v128.store(dBias + at, f32x4.add(v128.load(dBias + at), g))
    }
    let average = sum4(sum)
    let along = sum4(dot)
    for (; i < n; i++) {
      const at = i << 2
      const g = load<f32>(dy + at)
      const normal = (load<f32>(x + at) - mean) * rstd
      const d = g * load<f32>(weight + at)
      average += d
      along += d * normal
      store<f32>(dWeight + at, load<f32>(dWeight + at) + g * normal)
      store<f32>(dBias + at, load<f32>(dBias + at) + g)
    }
    average /= <f32>n
    along /= <f32>n
    for (i = 0; i + 4 <= n; i += 4) {
      const at = i << 2
      const normal = f32x4.mul(f32x4.sub(v128.load(x + at), mean4), rstd4)
      const d = f32x4.sub(f32x4.mul(v128.load(dy + at), v128.load(weight + at)), f32x4.splat(average))
      v128.store(dx + at, f32x4.mul(f32x4.sub(d, f32x4.mul(normal, f32x4.splat(along))), rstd4))
    }
    for (; i < n; i++) {
      const at = i << 2
      const normal = (load<f32>(x + at) - mean) * rstd
      store<f32>(dx + at, (load<f32>(dy + at) * load<f32>(weight + at) - average - normal * along) * rstd)
    }
    dy += n << 2
    x += n << 2
    dx += n << 2
  }
}
