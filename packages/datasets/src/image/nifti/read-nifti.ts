import { greyPicture, type View } from '../grey-window.js'
import type { Picture } from '../picture.js'
import { isPair, type NiftiHeader, niftiHeader } from './nifti-header.js'

type Read = (view: DataView, at: number, littleEndian: boolean) => number

/** Readers of the data types by their numbers, and bytes a voxel. */
const datatypes: Readonly<Record<number, readonly [number, Read]>> = {
  2: [1, (view, at) => view.getUint8(at)],
  4: [2, (view, at, littleEndian) => view.getInt16(at, littleEndian)],
  8: [4, (view, at, littleEndian) => view.getInt32(at, littleEndian)],
  16: [4, (view, at, littleEndian) => view.getFloat32(at, littleEndian)],
  64: [8, (view, at, littleEndian) => view.getFloat64(at, littleEndian)],
  256: [1, (view, at) => view.getInt8(at)],
  512: [2, (view, at, littleEndian) => view.getUint16(at, littleEndian)],
  768: [4, (view, at, littleEndian) => view.getUint32(at, littleEndian)],
}

/** A way along an axis of the file: its number, how many voxels it has, and whether it runs against the world axis. */
interface Axis {
  readonly voxel: number
  readonly count: number
  readonly backwards: boolean
}

/** The voxel axis that is nearest to each world axis (right, front, up); the strongest match is settled first. */
function worldAxes({ axes, size }: Pick<NiftiHeader, 'axes' | 'size'>): readonly Axis[] {
  const lengths = axes.map((axis) => Math.hypot(...axis) || 1)
  const pairs = [0, 1, 2].flatMap((voxel) => [0, 1, 2].map((world) => ({ voxel, world, along: axes[voxel][world] / lengths[voxel] })))
  const found: Axis[] = []
  for (const { voxel, world, along } of pairs.sort((a, b) => Math.abs(b.along) - Math.abs(a.along))) {
    if (found[world] || found.some((axis) => axis?.voxel === voxel)) continue
    found[world] = { voxel, count: size[voxel], backwards: along < 0 }
  }
  return found
}

/** The lowest and the highest of all values. */
function rangeOf(count: number, meaning: (voxel: number) => number): { low: number; high: number } {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (let voxel = 0; voxel < count; voxel++) {
    const value = meaning(voxel)
    if (!Number.isFinite(value)) continue
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  return { low, high }
}

/** World axes (0 right, 1 front, 2 up) of the slices, the rows and the columns. */
const planes = { axial: [2, 1, 0], coronal: [1, 2, 0], sagittal: [0, 2, 1] } as const

/**
 * A slice of a volume as a picture, as radiologists look at it: the patient's right is left, front or head is up; in sagittal slices the front is left.
 * Grey values follow the window of `view`, the range that the file names, or the range of the volume.
 * @param frame from 0: slices from the feet (back, left) on, those of further volumes after them; the middle of the first volume when left out
 * @param beside the voxels, where they are in a file of their own
 * @throws Error when the file is cut short or has another kind of voxels
 */
export function readNifti(bytes: Uint8Array, frame: number | undefined, { window, plane }: View, beside?: Uint8Array): Picture {
  if (isPair(bytes) && !beside) throw new Error('the voxels are in a file of their own (.img)')
  const header = niftiHeader(bytes)
  const voxels = beside ?? bytes
  const { size, volumes, offset, slope, intercept, littleEndian, datatype } = header
  const type = datatypes[datatype]
  if (!type) throw new Error(`voxels of the type ${datatype} are not supported`)
  const [voxelBytes, read] = type
  const world = worldAxes(header)
  const [slices, rows, columns] = planes[plane].map((axis) => world[axis])
  const chosen = frame ?? Math.floor(slices.count / 2)
  const frames = slices.count * volumes
  if (chosen >= frames) throw new Error(`there is no slice ${chosen}; slices go from 0 to ${frames - 1}`)
  const perVolume = size[0] * size[1] * size[2]
  const start = offset + Math.floor(chosen / slices.count) * perVolume * voxelBytes
  if (start + perVolume * voxelBytes > voxels.length) throw new Error('the voxels end too early')
  const view = new DataView(voxels.buffer, voxels.byteOffset, voxels.byteLength)
  const meaning = (voxel: number): number => read(view, start + voxel * voxelBytes, littleEndian) * slope + intercept
  const strides = [1, size[0], size[0] * size[1]]
  const step = ({ voxel, count, backwards }: Axis, index: number): number => (backwards ? count - 1 - index : index) * strides[voxel]
  const [height, width] = [rows.count, columns.count]
  const values = new Float64Array(width * height)
  const base = step(slices, chosen % slices.count)
  // Right, front and up are at the high ends of their axes, and come first.
  for (let y = 0; y < height; y++) {
    const line = base + step(rows, height - 1 - y)
    for (let x = 0; x < width; x++) values[y * width + x] = meaning(line + step(columns, width - 1 - x))
  }
  const range = header.range ?? (window ? undefined : rangeOf(perVolume, meaning))
  return greyPicture(values, { width, height, window, range })
}
