import { decodeJpeg, decodeJpeg2000, decodeJpegLossless, decodeJpegLs } from './codecs.js'
import { frameBytes } from './frame-bytes.js'
import type { ImageAttributes } from './image-attributes.js'
import type { Parsed } from './parse-dicom.js'
import { decodeRle } from './rle.js'
import { BIG_ENDIAN, codingOf } from './transfer-syntax.js'

/** The stored values of one frame, pixel by pixel. */
export interface FrameSamples {
  readonly values: Float64Array
  /** Whether colours are red, green, blue already. */
  readonly rgb: boolean
}

interface Layout {
  readonly bytesPerSample: number
  readonly planar: boolean
  /** Used bits; the others are overlays or nothing. */
  readonly bits: number
  readonly signed: boolean
  readonly littleEndian: boolean
}

/** Reads samples of 8, 16 or 32 bits. */
function unpack(bytes: Uint8Array, count: number, samples: number, { bytesPerSample, planar, bits, signed, littleEndian }: Layout): Float64Array {
  if (bytes.length < count * bytesPerSample) throw new Error('the pixel data end too early')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const shift = 32 - bits
  const pixels = count / samples
  const values = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    const at = planar ? (i % samples) * pixels + Math.floor(i / samples) : i
    const raw = bytesPerSample === 1 ? view.getUint8(at) : bytesPerSample === 2 ? view.getUint16(at * 2, littleEndian) : view.getUint32(at * 4, littleEndian)
    values[i] = signed ? (raw << shift) >> shift : (raw << shift) >>> shift
  }
  return values
}

/** Bits of a mask, the lowest of a byte first. */
function unpackBits(bytes: Uint8Array, count: number, first: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => (bytes[(first + i) >> 3] >> ((first + i) & 7)) & 1)
}

/** Two pixels share their chroma: Y Y Cb Cr. */
function spreadChroma(bytes: Uint8Array, pixels: number): Float64Array {
  return Float64Array.from({ length: pixels * 3 }, (_, i) => {
    const [pixel, channel] = [Math.floor(i / 3), i % 3]
    return bytes[(pixel >> 1) * 4 + (channel === 0 ? pixel & 1 : channel + 1)]
  })
}

/** @throws Error when the frame is cut short, damaged or of an unknown kind */
export async function frameSamples(parsed: Parsed, frame: number, attributes: ImageAttributes): Promise<FrameSamples> {
  const { rows, columns, samples, bitsAllocated, bitsStored, signed, planar, photometric } = attributes
  const pixels = rows * columns
  const count = pixels * samples
  const coding = codingOf(parsed.transferSyntax)
  const bytes = frameBytes(parsed, frame, attributes)
  const littleEndian = parsed.transferSyntax !== BIG_ENDIAN
  const bytesPerSample = bitsAllocated / 8
  if (coding === 'native') {
    if (bitsAllocated === 1) return { values: unpackBits(bytes, count, (frame * count) % 8), rgb: false }
    if (photometric === 'YBR_FULL_422') return { values: spreadChroma(bytes, pixels), rgb: false }
    return { values: unpack(bytes, count, samples, { bytesPerSample, planar, bits: bitsStored, signed, littleEndian }), rgb: false }
  }
  if (coding === 'rle') {
    const unpacked = decodeRle(bytes, pixels, samples, bytesPerSample)
    return { values: unpack(unpacked, count, samples, { bytesPerSample, planar: samples > 1, bits: bitsStored, signed, littleEndian: true }), rgb: false }
  }
  const decoded =
    coding === 'jpeg'
      ? await decodeJpeg(bytes, photometric === 'RGB')
      : coding === 'jpeg-lossless'
        ? await decodeJpegLossless(bytes)
        : coding === 'jpeg-ls'
          ? await decodeJpegLs(bytes)
          : await decodeJpeg2000(bytes)
  // Where file and codec disagree about bits, those that were coded count; that they stand for signed values only the file knows.
  const layout = { ...decoded, signed: signed || decoded.signed, littleEndian: true }
  return { values: unpack(decoded.bytes, count, samples, layout), rgb: decoded.rgb }
}
