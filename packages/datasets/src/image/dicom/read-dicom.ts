import { greyPicture, type View } from '../grey-window.js'
import type { Picture } from '../picture.js'
import { frameSamples } from './frame-samples.js'
import { imageAttributes } from './image-attributes.js'
import { type LookupTable, lookUp, lookupTable } from './lookup-table.js'
import { applyPalette } from './palette.js'
import { parseDicom } from './parse-dicom.js'

const MODALITY_LUT = 'x00283000'
const VOI_LUT = 'x00283010'

/** YCbCr of full range to red, green, blue (PS3.3 C.7.6.3.1.2), in place. */
function toRgb(values: Float64Array): Float64Array {
  for (let i = 0; i < values.length; i += 3) {
    const [y, blue, red] = [values[i], values[i + 1] - 128, values[i + 2] - 128]
    values[i] = Math.round(y + 1.402 * red)
    values[i + 1] = Math.round(y - 0.344136 * blue - 0.714136 * red)
    values[i + 2] = Math.round(y + 1.772 * blue)
  }
  return values
}

/**
 * A frame of a DICOM file as a picture: grey values after the modality transformation and a window (that of `view`, the table
 * of shades or the window of the file, or all values of the frame), black for low values also in MONOCHROME1; colours as red, green, blue. Only elements that describe pixels are read, no text of the file is.
 * @param frame from 0; the middle one when left out
 * @throws Error when there is no such image, or it cannot be decoded
 */
export async function readDicom(bytes: Uint8Array, frame: number | undefined, view: View): Promise<Picture> {
  const parsed = parseDicom(bytes)
  const attributes = imageAttributes(parsed.data)
  const { rows: height, columns: width, samples, bitsStored, signed, photometric, frames, slope, intercept, padding } = attributes
  const chosen = frame ?? Math.floor(frames / 2)
  if (chosen >= frames) throw new Error(`there is no frame ${chosen}; frames go from 0 to ${frames - 1}`)
  const { values, rgb } = await frameSamples(parsed, chosen, attributes)
  if (samples === 3) {
    const colours = photometric.startsWith('YBR') && !rgb ? toRgb(values) : values
    const shift = Math.max(0, bitsStored - 8)
    return { data: Uint8Array.from(colours, (value) => Math.max(0, Math.min(shift > 0 ? value / 2 ** shift : value, 255))), width, height, channels: 3 }
  }
  if (photometric === 'PALETTE COLOR') return { data: applyPalette(parsed.data, parsed.transferSyntax, values), width, height, channels: 3 }
  const table = (sequence: string): LookupTable | undefined => lookupTable(parsed.data, parsed.transferSyntax, sequence, signed)
  const meanings = table(MODALITY_LUT)
  const modality = meanings ? lookUp(values, meanings) : Float64Array.from(values, (value) => value * slope + intercept)
  const shades = view.window ? undefined : table(VOI_LUT)
  const inverted = photometric === 'MONOCHROME1'
  if (shades) return greyPicture(lookUp(modality, shades), { width, height, range: { low: 0, high: 2 ** shades.bits - 1 }, inverted })
  const plain = bitsStored <= 8 && !signed && slope === 1 && intercept === 0 && !meanings
  const range = plain ? { low: 0, high: 2 ** bitsStored - 1 } : undefined
  const ignored = padding === undefined || meanings ? undefined : padding * slope + intercept
  return greyPicture(modality, { width, height, window: view.window ?? attributes.window, range, ignored, inverted })
}
