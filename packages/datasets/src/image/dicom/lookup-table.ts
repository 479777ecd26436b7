import type { DataSet, Element } from 'dicom-parser'
import { BIG_ENDIAN } from './transfer-syntax.js'

/** A table of the modality or the VOI transformation (PS3.3 C.11.1, C.11.2). */
export interface LookupTable {
  /** The value that the first entry stands for; lower ones take it, too, and higher ones than there are take the last. */
  readonly first: number
  readonly values: readonly number[]
  /** Bits of the entries. */
  readonly bits: number
}

/** Several views of an image have a table each; the first counts, as with windows. */
const itemOf = ({ items }: Element): DataSet | undefined => items?.[0]?.dataSet

/**
 * @param sequence `x00283000`: modality, `x00283010`: values of interest
 * @param signed whether the values that it maps are signed
 * @returns `undefined` when the data set has no such table @throws Error when it is damaged
 */
export function lookupTable(data: DataSet, transferSyntax: string, sequence: string, signed: boolean): LookupTable | undefined {
  const element = data.elements[sequence]
  const item = element && itemOf(element)
  if (!item) return undefined
  const table = item.elements.x00283006
  const [size, bits] = [item.uint16('x00283002', 0), item.uint16('x00283002', 2)]
  const first = signed ? item.int16('x00283002', 1) : item.uint16('x00283002', 1)
  if (!table || size === undefined || first === undefined || bits === undefined || bits < 1 || bits > 16)
    throw new Error('a lookup table of the file is damaged')
  const count = size || 65536
  const words = table.length >= count * 2
  if (!words && table.length < count) throw new Error('a lookup table of the file is cut short')
  const view = new DataView(item.byteArray.buffer, item.byteArray.byteOffset + table.dataOffset, table.length)
  const little = transferSyntax !== BIG_ENDIAN
  return { first, bits, values: Array.from({ length: count }, (_, i) => (words ? view.getUint16(i * 2, little) : view.getUint8(i))) }
}

/** The entry of each value. */
export function lookUp(values: Float64Array, { first, values: entries }: LookupTable): Float64Array {
  return values.map((value) => entries[Math.max(0, Math.min(Math.round(value) - first, entries.length - 1))])
}
