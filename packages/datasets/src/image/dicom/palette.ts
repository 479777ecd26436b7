import type { DataSet } from 'dicom-parser'
import { BIG_ENDIAN } from './transfer-syntax.js'

const DESCRIPTORS = ['x00281101', 'x00281102', 'x00281103']
const TABLES = ['x00281201', 'x00281202', 'x00281203']

/** Looks values up in the palette of the data set. @returns `[pixels, 3]` 8-bit @throws Error when there is none */
export function applyPalette(data: DataSet, transferSyntax: string, values: Float64Array): Uint8Array {
  const out = new Uint8Array(values.length * 3)
  for (const [channel, tag] of TABLES.entries()) {
    const element = data.elements[tag]
    if (!element) throw new Error('the palette is missing')
    const size = data.uint16(DESCRIPTORS[channel], 0) || 65536
    const first = data.uint16(DESCRIPTORS[channel], 1) ?? 0
    const view = new DataView(data.byteArray.buffer, data.byteArray.byteOffset + element.dataOffset, element.length)
    const words = element.length >= size * 2
    const table = Array.from({ length: Math.min(size, words ? size : element.length) }, (_, i) =>
      words ? view.getUint16(i * 2, transferSyntax !== BIG_ENDIAN) : view.getUint8(i),
    )
    // Tables of words that hold bytes exist, whatever the descriptor says.
    const shift = words && table.some((value) => value > 255) ? 8 : 0
    for (const [i, value] of values.entries()) out[i * 3 + channel] = table[Math.max(0, Math.min(value - first, table.length - 1))] >> shift
  }
  return out
}
