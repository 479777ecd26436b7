import sharp from 'sharp'
import { decodeJpeg12 } from './jpeg-12-bit.js'

/** Samples as a codec gives them: pixel by pixel, or plane by plane. */
export interface Decoded {
  readonly bytes: Uint8Array
  readonly bytesPerSample: 1 | 2
  readonly planar: boolean
  /** Bits that the codec says are used, and whether it says that values are signed. */
  readonly bits: number
  readonly signed: boolean
  /** Whether colours are red, green, blue, whatever the file says. */
  readonly rgb: boolean
}

interface FrameInfo {
  readonly bitsPerSample: number
  readonly componentCount: number
  readonly isSigned: boolean
}

/** What the two decoders made from C++ have in common. */
interface HeapDecoder {
  getEncodedBuffer(length: number): Uint8Array
  getDecodedBuffer(): Uint8Array
  decode(): void
  getFrameInfo(): FrameInfo
  delete(): void
}

function decodeOnHeap<T>(decoder: HeapDecoder, encoded: Uint8Array, result: (info: FrameInfo, bytes: Uint8Array) => T): T {
  try {
    decoder.getEncodedBuffer(encoded.length).set(encoded)
    decoder.decode()
    return result(decoder.getFrameInfo(), decoder.getDecodedBuffer().slice())
  } finally {
    decoder.delete()
  }
}

/** What goes wrong is thrown; the rest nobody asked for. A new object each time, as it becomes the module. */
const silent = () => ({ print: () => {}, printErr: () => {} })

// Loaded when the first image needs them: they are large.
const loadCharls = () => import('@cornerstonejs/codec-charls/decodewasmjs').then((module) => module.default(silent()))
const loadOpenjpeg = () => import('@cornerstonejs/codec-openjpeg/decodewasmjs').then((module) => module.default(silent()))
let charls: ReturnType<typeof loadCharls> | undefined
let openjpeg: ReturnType<typeof loadOpenjpeg> | undefined

export async function decodeJpegLs(encoded: Uint8Array): Promise<Decoded> {
  charls ??= loadCharls()
  const { JpegLSDecoder } = await charls
  try {
    const decoder = new JpegLSDecoder()
    return decodeOnHeap(decoder, encoded, ({ bitsPerSample: bits }, bytes) => {
      return { bytes, bytesPerSample: bits > 8 ? 2 : 1, planar: decoder.getInterleaveMode() === 0, bits, signed: false, rgb: false }
    })
  } catch (cause) {
    // What is left on its heap after a fault nobody knows (and what it throws is a number): the next image gets a new one.
    charls = undefined
    throw new Error('the JPEG-LS data are damaged', { cause })
  }
}

export async function decodeJpeg2000(encoded: Uint8Array): Promise<Decoded> {
  openjpeg ??= loadOpenjpeg()
  const { J2KDecoder } = await openjpeg
  try {
    return decodeOnHeap(new J2KDecoder(), encoded, ({ bitsPerSample: bits, isSigned: signed }, bytes) => {
      return { bytes, bytesPerSample: bits > 8 ? 2 : 1, planar: false, bits, signed, rgb: true }
    })
  } catch (cause) {
    openjpeg = undefined
    throw new Error('the JPEG 2000 data are damaged', { cause })
  }
}

/** Predicted differences (process 14). */
export async function decodeJpegLossless(encoded: Uint8Array): Promise<Decoded> {
  const { Decoder } = await import('jpeg-lossless-decoder-js')
  const decoder = new Decoder()
  // A copy: the decoder reads the buffer from its start.
  const bytes = new Uint8Array(decoder.decompress(Uint8Array.from(encoded).buffer))
  const bits = decoder.frame.precision
  return { bytes, bytesPerSample: bits > 8 ? 2 : 1, planar: false, bits, signed: false, rgb: false }
}

/** Says that the components are colours already: a decoder of files has to take them for YCbCr without such a mark. */
const NO_TRANSFORM = Uint8Array.of(0xff, 0xee, 0, 14, 65, 100, 111, 98, 101, 0, 100, 0, 0, 0, 0, 0)

const ADOBE = 0xee
const JFIF = 0xe0

/** Whether a segment of the given kind comes before the first scan; `precision` is that of the frame. */
function scanMarkers(jpeg: Uint8Array): { markers: Set<number>; precision: number } {
  const markers = new Set<number>()
  let precision = 8
  for (let at = 2; at + 4 < jpeg.length && jpeg[at] === 0xff; ) {
    const marker = jpeg[at + 1]
    if (marker === 0xda) break
    const length = jpeg[at + 2] * 256 + jpeg[at + 3]
    // A mark of Adobe that is cut short is none to decoders.
    if (marker !== ADOBE || length >= 14) markers.add(marker)
    if (marker >= 0xc0 && marker <= 0xc2) precision = jpeg[at + 4]
    at += 2 + length
  }
  return { markers, precision }
}

/** Baseline and extended JPEG. @param rgb whether the file says that its components are red, green, blue */
export async function decodeJpeg(encoded: Uint8Array, rgb: boolean): Promise<Decoded> {
  const { markers, precision } = scanMarkers(encoded)
  if (precision === 12) return { ...decodeJpeg12(encoded), bytesPerSample: 2, planar: false, signed: false, rgb: false }
  if (precision !== 8) throw new Error(`JPEG of ${precision} bits is not supported`)
  // With a mark of its own the image says what it is; JFIF is always YCbCr.
  const plain = rgb && !markers.has(ADOBE) && !markers.has(JFIF)
  const jpeg = plain ? Buffer.concat([encoded.subarray(0, 2), NO_TRANSFORM, encoded.subarray(2)]) : encoded
  const image = sharp(jpeg, { failOn: 'truncated', ignoreIcc: true })
  const { channels } = await image.metadata()
  const { data } = await (channels === 1 ? image.toColourspace('b-w') : image.toColourspace('srgb')).raw().toBuffer({ resolveWithObject: true })
  return { bytes: data, bytesPerSample: 1, planar: false, bits: 8, signed: false, rgb: true }
}
