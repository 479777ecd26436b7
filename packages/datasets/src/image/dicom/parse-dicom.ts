import dicomParser, { type DataSet } from 'dicom-parser'
import { BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT } from './transfer-syntax.js'

const PREAMBLE = 128
const PIXELS = 'x7fe00010'

const ascii = (bytes: Uint8Array, from: number, to: number): string => String.fromCharCode(...bytes.subarray(from, to))

/** Whether a file is DICOM: by its prefix or, where that was left out, by a first element of the groups 2 or 8. */
export function isDicom(bytes: Uint8Array): boolean {
  if (ascii(bytes, PREAMBLE, PREAMBLE + 4) === 'DICM') return true
  if (bytes.length < 16) return false
  const [a, b, c, d] = bytes
  const little = (a === 2 || a === 8) && b === 0 && d === 0
  const big = a === 0 && (b === 2 || b === 8) && c === 0
  const explicit = /^[A-Z]{2}$/.test(ascii(bytes, 4, 6))
  // The length of an implicit element of these groups is small.
  return (little && (explicit || (bytes[6] === 0 && bytes[7] === 0))) || (big && explicit)
}

/** The transfer syntax of a file that begins with the data set itself. */
function guessSyntax(bytes: Uint8Array): string {
  if (bytes[0] === 0) return BIG_ENDIAN
  return /^[A-Z]{2}$/.test(ascii(bytes, 4, 6)) ? EXPLICIT : IMPLICIT
}

/** A data set and the transfer syntax in which it is written. */
export interface Parsed {
  readonly data: DataSet
  readonly transferSyntax: string
}

/** @throws Error when the file is not DICOM, or is damaged before its pixel data */
export function parseDicom(bytes: Uint8Array): Parsed {
  try {
    return parse(bytes)
  } catch (error) {
    // The parser throws texts, and objects that hold one.
    const { exception, message } = error as { exception?: unknown; message?: string }
    const reason = String(message ?? exception ?? error)
    if (/missing required meta header attribute/.test(reason)) throw new Error('the file names no transfer syntax', { cause: error })
    if (/overrun|past the end|position/i.test(reason)) throw new Error('the file ends too early, or an element in it has a wrong length', { cause: error })
    throw new Error('the file is damaged', { cause: error })
  }
}

function parse(bytes: Uint8Array): Parsed {
  if (ascii(bytes, PREAMBLE, PREAMBLE + 4) !== 'DICM') {
    if (bytes[0] === 2 && bytes[1] === 0) {
      const whole = new Uint8Array(PREAMBLE + 4 + bytes.length)
      whole.set([68, 73, 67, 77], PREAMBLE)
      whole.set(bytes, PREAMBLE + 4)
      return parse(whole)
    }
    const transferSyntax = guessSyntax(bytes)
    return { data: dicomParser.parseDicom(bytes, { TransferSyntaxUID: transferSyntax }), transferSyntax }
  }
  // The types of the parser leave out where the data set begins.
  const meta = dicomParser.readPart10Header(bytes) as DataSet & { readonly position: number }
  const transferSyntax = meta.string('x00020010')
  const start = meta.position
  const implicit = transferSyntax !== undefined && ![IMPLICIT, DEFLATED].includes(transferSyntax) && !/^[A-Z]{2}$/.test(ascii(bytes, start + 4, start + 6))
  if (implicit) return { data: parseImplicit(bytes.subarray(start)), transferSyntax }
  return { data: dicomParser.parseDicom(bytes, { TransferSyntaxUID: transferSyntax }), transferSyntax: transferSyntax ?? EXPLICIT }
}

/** A data set without the VR of its elements, although its transfer syntax asks for them; the pixel data may be in fragments. */
function parseImplicit(bytes: Uint8Array): DataSet {
  const data = dicomParser.parseDicom(bytes, { TransferSyntaxUID: IMPLICIT, untilTag: PIXELS })
  const element = data.elements[PIXELS]
  if (element?.hadUndefinedLength)
    dicomParser.findEndOfEncapsulatedElement(new dicomParser.ByteStream(dicomParser.littleEndianByteArrayParser, bytes, element.dataOffset), element)
  return data
}
