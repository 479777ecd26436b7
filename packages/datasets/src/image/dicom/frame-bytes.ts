import type { ImageAttributes } from './image-attributes.js'
import type { Parsed } from './parse-dicom.js'
import { BIG_ENDIAN } from './transfer-syntax.js'

const SOI = 0xd8

/** Bytes that were written as big-endian words. */
const swapPairs = (bytes: Uint8Array): Uint8Array => Uint8Array.from(bytes, (_, i) => bytes[i ^ 1] ?? 0)

/** Bytes of one frame as they are written, without those of other frames. @throws Error when they end too early */
export function frameBytes(
  { data, transferSyntax }: Parsed,
  frame: number,
  { rows, columns, samples, bitsAllocated, frames, photometric }: ImageAttributes,
): Uint8Array {
  const element = data.elements.x7fe00010
  if (!element.encapsulatedPixelData) {
    // Chroma of every other pixel is left out; single bits of all frames follow each other without gaps.
    const bits = rows * columns * (photometric === 'YBR_FULL_422' ? 2 : samples) * bitsAllocated
    const start = Math.floor((frame * bits) / 8)
    const end = Math.ceil(((frame + 1) * bits) / 8)
    if (end > element.length || element.dataOffset + end > data.byteArray.length) throw new Error('the pixel data end too early')
    const whole = data.byteArray.subarray(element.dataOffset, element.dataOffset + element.length)
    const swapped = transferSyntax === BIG_ENDIAN && bitsAllocated === 8 && element.vr === 'OW'
    return (swapped ? swapPairs(whole) : whole).subarray(start, end)
  }
  const fragments = (element.fragments ?? []).map(({ offset, position, length }) => ({ offset, bytes: data.byteArray.subarray(position, position + length) }))
  const table = element.basicOffsetTable ?? []
  let of: (offset: number, index: number) => number
  if (frames === 1) of = () => 0
  else if (table.length === frames) of = (offset) => table.findLastIndex((start) => start <= offset)
  else if (fragments.length === frames) of = (_, index) => index
  else {
    let count = -1
    const starts = fragments.map(({ bytes }) => (bytes[0] === 0xff && (bytes[1] === SOI || bytes[1] === 0x4f) ? ++count : count))
    of = (_, index) => starts[index]
  }
  const own = fragments.filter(({ offset }, index) => of(offset, index) === frame).map(({ bytes }) => bytes)
  if (own.length === 0) throw new Error('the pixel data end too early')
  return own.length === 1 ? own[0] : Buffer.concat(own)
}
