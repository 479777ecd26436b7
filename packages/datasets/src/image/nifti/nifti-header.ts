/** What a NIfTI-1 or NIfTI-2 header says about its voxels. */
export interface NiftiHeader {
  readonly littleEndian: boolean
  /** Voxels along the three axes of the file. */
  readonly size: readonly [number, number, number]
  /** Volumes that follow each other, such as points of time. */
  readonly volumes: number
  readonly datatype: number
  /** Where the voxels begin. */
  readonly offset: number
  /** value * slope + intercept is what a voxel means. */
  readonly slope: number
  readonly intercept: number
  /** Values to be shown black and white, when the file names them. */
  readonly range?: { readonly low: number; readonly high: number }
  /** World axes, to the right, to the front and up, of a step along each voxel axis: `axes[voxel][world]`. */
  readonly axes: readonly (readonly [number, number, number])[]
}

const MAX_VOXELS = 2 ** 30

/** Rotation of a quaternion with the voxel sizes (nifti1.h, method 2): columns are voxel axes. */
function quaternionAxes([b, c, d]: readonly number[], [flip, dx, dy, dz]: readonly number[]): NiftiHeader['axes'] {
  const a = Math.sqrt(Math.max(0, 1 - b * b - c * c - d * d))
  const last = flip < 0 ? -dz : dz
  return [
    [(a * a + b * b - c * c - d * d) * dx, 2 * (b * c + a * d) * dx, 2 * (b * d - a * c) * dx],
    [2 * (b * c - a * d) * dy, (a * a + c * c - b * b - d * d) * dy, 2 * (c * d + a * b) * dy],
    [2 * (b * d + a * c) * last, 2 * (c * d - a * b) * last, (a * a + d * d - c * c - b * b) * last],
  ]
}

const text = (bytes: Uint8Array, at: number): string => String.fromCharCode(...bytes.subarray(at, at + 3))

/** Which of the two headers a file has. */
function versionOf(bytes: Uint8Array): { two: boolean; littleEndian: boolean } | undefined {
  if (bytes.length < 348) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (const littleEndian of [true, false]) {
    const size = view.getInt32(0, littleEndian)
    if (size === 348 && /^n[+i]1$/.test(text(bytes, 344))) return { two: false, littleEndian }
    if (size === 540 && bytes.length >= 540 && /^n[+i]2$/.test(text(bytes, 4))) return { two: true, littleEndian }
  }
  return undefined
}

export const isNifti = (bytes: Uint8Array): boolean => versionOf(bytes) !== undefined

/** Whether the voxels are in a file of their own. */
export function isPair(bytes: Uint8Array): boolean {
  const version = versionOf(bytes)
  return version !== undefined && text(bytes, version.two ? 4 : 344)[1] === 'i'
}

/** @throws Error when the header makes no sense */
export function niftiHeader(bytes: Uint8Array): NiftiHeader {
  const { two, littleEndian } = versionOf(bytes)!
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const short = (at: number): number => view.getInt16(at, littleEndian)
  // Lengths and positions are integers of 2 or 8 bytes, coordinates floats of 4 or 8.
  const length = (one: number, second: number, index: number): number =>
    two ? Number(view.getBigInt64(second + index * 8, littleEndian)) : short(one + index * 2)
  const float = (one: number, second: number, index = 0): number =>
    two ? view.getFloat64(second + index * 8, littleEndian) : view.getFloat32(one + index * 4, littleEndian)
  const floats = (one: number, second: number, count: number): number[] => Array.from({ length: count }, (_, i) => float(one, second, i))
  const dimensions = length(40, 16, 0)
  const extent = (index: number): number => (index <= dimensions ? length(40, 16, index) : 1)
  const size = [extent(1), extent(2), extent(3)] as const
  const volumes = [4, 5, 6, 7].reduce((product, index) => product * Math.max(1, extent(index)), 1)
  const voxels = size[0] * size[1] * size[2] * volumes
  if (dimensions < 2 || dimensions > 7 || size.some((count) => count < 1) || voxels > MAX_VOXELS) throw new Error('the sizes in the header make no sense')
  const slope = float(112, 176)
  const scaled = Number.isFinite(slope) && slope !== 0
  const [high, low] = [float(124, 192), float(128, 200)]
  const steps = floats(76, 104, 4)
  const code = (one: number, second: number): number => (two ? view.getInt32(second, littleEndian) : short(one))
  const rows = floats(280, 400, 12)
  const axes: NiftiHeader['axes'] =
    code(254, 348) > 0
      ? [0, 1, 2].map((voxel) => [rows[voxel], rows[4 + voxel], rows[8 + voxel]] as const)
      : code(252, 344) > 0
        ? quaternionAxes(floats(256, 352, 3), steps)
        : quaternionAxes([0, 0, 0], [1, steps[1], steps[2], steps[3]])
  return {
    littleEndian,
    size,
    volumes,
    datatype: short(two ? 12 : 70),
    offset: two ? Number(view.getBigInt64(168, littleEndian)) : float(108, 0),
    slope: scaled ? slope : 1,
    intercept: scaled ? float(116, 184) : 0,
    ...(high > low && { range: { low, high } }),
    axes,
  }
}
