import { aten, scoped, theAddon } from './aten.js'
import { BOOL, codeOf, INT32 } from './dtypes.js'
import type { TorchData } from './torch-data.js'

const toDtype = aten('to.dtype')

/** The elements in row-major order, as tfjs holds them (complex64: real and imaginary in turn). */
export function download(data: TorchData): Float32Array | Int32Array | Uint8Array {
  const wanted = codeOf(data.dtype)
  const buffer =
    data.code === wanted
      ? theAddon().download(data.handle)
      : scoped(
          () => theAddon().download(toDtype(data, wanted).handle),
          () => [],
        )
  if (wanted === INT32) return new Int32Array(buffer)
  if (wanted === BOOL) return new Uint8Array(buffer)
  return new Float32Array(buffer)
}
