import type { DataType, TensorInfo } from '@tensorflow/tfjs-core'
import type { Handle } from './addon.js'
import { dtypeOf } from './dtypes.js'

/**
 * A libtorch tensor with its shape, which is at once tfjs's data id and TensorInfo: one object a result keeps the cost of
 * a call down. `handle` is 0 once it is released or has moved to another backend.
 */
export class TorchData implements TensorInfo {
  readonly dataId: object
  readonly shape: number[]
  readonly dtype: DataType
  /** libtorch's own dtype; inside a kernel it may be one that tfjs does not have. */
  readonly code: number
  handle: Handle
  refCount = 1
  /** Whether tfjs counts it among its data: not what a kernel makes on the way. */
  adopted = false
  /** Known to lie in memory in row-major order. */
  isRowMajor = false
  /** A copy in bfloat16 (`lowOf`). */
  low: TorchData | undefined

  constructor(handle: Handle, shape: number[], code: number) {
    this.handle = handle
    this.shape = shape
    this.code = code
    this.dtype = dtypeOf(code)
    this.dataId = this
  }
}

/** Elements of a tensor of some shape. */
export function sizeOf(shape: readonly number[]): number {
  let size = 1
  for (const side of shape) size *= side
  return size
}
