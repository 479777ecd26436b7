import type { DataSet } from 'dicom-parser'
import type { Window } from '../grey-window.js'

/** What a data set says about its pixels (PS3.3 C.7.6.3). No other element is read. */
export interface ImageAttributes {
  readonly rows: number
  readonly columns: number
  /** Samples a pixel: 1 or 3. */
  readonly samples: number
  readonly bitsAllocated: number
  readonly bitsStored: number
  readonly signed: boolean
  /** Whether colours follow each other as planes. */
  readonly planar: boolean
  readonly photometric: string
  readonly frames: number
  /** Modality transformation: value * slope + intercept. */
  readonly slope: number
  readonly intercept: number
  readonly window?: Window
  /** Value outside of the image proper. */
  readonly padding?: number
}

const MAX_PIXELS = 2 ** 28

/** VOI LUT functions. */
const shapes: Readonly<Record<string, Window['shape']>> = { LINEAR: 'linear', LINEAR_EXACT: 'linear-exact', SIGMOID: 'sigmoid' }

function decimal(data: DataSet, tag: string): number | undefined {
  const value = data.elements[tag] ? Number.parseFloat(data.string(tag, 0) ?? '') : Number.NaN
  return Number.isFinite(value) ? value : undefined
}

/** @throws Error when the data set holds no image */
export function imageAttributes(data: DataSet): ImageAttributes {
  const [rows, columns] = [data.uint16('x00280010'), data.uint16('x00280011')]
  if (!rows || !columns || !data.elements.x7fe00010) throw new Error('the DICOM file holds no image')
  const bitsAllocated = data.uint16('x00280100') ?? 16
  const samples = data.uint16('x00280002') ?? 1
  if (![1, 8, 16, 32].includes(bitsAllocated)) throw new Error(`${bitsAllocated} bits a sample are not supported`)
  if (samples !== 1 && samples !== 3) throw new Error(`${samples} samples a pixel are not supported`)
  if (rows * columns > MAX_PIXELS) throw new Error(`${columns} x ${rows} pixels are too many`)
  const signed = data.uint16('x00280103') === 1
  const [center, width] = [decimal(data, 'x00281050'), decimal(data, 'x00281051')]
  const shape = shapes[data.string('x00281056')?.trim() ?? ''] ?? 'linear'
  const isWide = width !== undefined && (shape === 'linear' ? width >= 1 : width > 0)
  const padding = signed ? data.int16('x00280120') : data.uint16('x00280120')
  return {
    rows,
    columns,
    samples,
    bitsAllocated,
    bitsStored: Math.min(data.uint16('x00280101') ?? bitsAllocated, bitsAllocated),
    signed,
    planar: data.uint16('x00280006') === 1,
    photometric: data.string('x00280004')?.trim() ?? 'MONOCHROME2',
    frames: Math.max(1, data.intString('x00280008') ?? 1),
    slope: decimal(data, 'x00281053') ?? 1,
    intercept: decimal(data, 'x00281052') ?? 0,
    ...(center !== undefined && width !== undefined && isWide && { window: { center, width, shape } }),
    ...(padding !== undefined && { padding }),
  }
}
