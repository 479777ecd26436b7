import type { Picture } from './picture.js'

/** What part of a picture becomes which part of the result. */
export interface Geometry {
  /** The rectangle of the picture that is used, pixels. */
  readonly box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number }
  /** The size that the rectangle is resized to. */
  readonly target: { readonly width: number; readonly height: number }
  /** The square that is cut out of the resized rectangle. */
  readonly window: { readonly x: number; readonly y: number; readonly size: number }
}

/** Half-width of the cubic kernel at scale 1. */
const SUPPORT = 2
/** Bits behind the point of a weight: 8 bits of a pixel and 2 of headroom for overshoot leave 22 in 32. */
const PRECISION = 22
const HALF = 1 << (PRECISION - 1)

/** Keys' cubic kernel with a = -0.5, the one of Pillow (torch resizes tensors with a = -0.75). */
function cubic(at: number): number {
  const x = Math.abs(at)
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1
  if (x < 2) return ((-0.5 * x + 2.5) * x - 4) * x + 2
  return 0
}

/** Which inputs an output sums, and with what fixed-point weights (`width` of them an output). */
interface Taps {
  readonly first: Int32Array
  readonly count: Int32Array
  readonly weights: Int32Array
  readonly width: number
}

/** Taps of the outputs `from .. from + length` of a line of `input` pixels that becomes `output` pixels. */
function tapsOf(input: number, output: number, from: number, length: number): Taps {
  const scale = input / output
  // Shrinking widens the kernel, so that every input counts: this is the anti-aliasing.
  const stretch = Math.max(scale, 1)
  const support = SUPPORT * stretch
  const width = Math.ceil(support) * 2 + 1
  const first = new Int32Array(length)
  const count = new Int32Array(length)
  const weights = new Int32Array(length * width)
  const line = new Float64Array(width)
  for (let i = 0; i < length; i++) {
    const center = (from + i + 0.5) * scale
    const start = Math.max(Math.trunc(center - support + 0.5), 0)
    const n = Math.min(Math.trunc(center + support + 0.5), input) - start
    let sum = 0
    for (let k = 0; k < n; k++) {
      line[k] = cubic((start + k - center + 0.5) / stretch)
      sum += line[k]
    }
    first[i] = start
    count[i] = n
    for (let k = 0; k < n; k++) {
      const weight = (line[k] / sum) * 2 ** PRECISION
      weights[i * width + k] = Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5)
    }
  }
  return { first, count, weights, width }
}

const clip8 = (sum: number): number => {
  const value = sum >> PRECISION
  return Math.max(0, Math.min(value, 255))
}

/**
 * Bicubic resize as Pillow does it: anti-aliased, rows first, rounded to 8 bits after each of the two passes. Only the window is computed.
 * @returns `[window.size, window.size, channels]`
 */
export function resample(picture: Picture, { box, target, window }: Geometry): Uint8Array<ArrayBuffer> {
  const { data, width, channels } = picture
  const { size } = window
  const across = tapsOf(box.width, target.width, window.x, size)
  const down = tapsOf(box.height, target.height, window.y, size)
  const firstRow = down.first[0]
  const rows = down.first[size - 1] + down.count[size - 1] - firstRow
  const narrow = new Uint8Array(rows * size * channels)
  for (let y = 0; y < rows; y++) {
    const line = ((box.y + firstRow + y) * width + box.x) * channels
    for (let x = 0; x < size; x++) {
      const start = line + across.first[x] * channels
      for (let c = 0; c < channels; c++) {
        let sum = HALF
        for (let k = 0, at = start + c, w = x * across.width; k < across.count[x]; k++, at += channels, w++) sum += data[at] * across.weights[w]
        narrow[(y * size + x) * channels + c] = clip8(sum)
      }
    }
  }
  const stride = size * channels
  const out = new Uint8Array(size * stride)
  for (let y = 0; y < size; y++) {
    const start = (down.first[y] - firstRow) * stride
    for (let x = 0; x < stride; x++) {
      let sum = HALF
      for (let k = 0, at = start + x, w = y * down.width; k < down.count[y]; k++, at += stride, w++) sum += narrow[at] * down.weights[w]
      out[y * stride + x] = clip8(sum)
    }
  }
  return out
}
