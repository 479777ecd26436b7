import { type Tensor, tensor } from '@tensorflow/tfjs-core'
import type { HostArray } from '@unidiag/core/data/host-array'

export const toTensor = <T extends Tensor>({ data, shape }: HostArray): T =>
  tensor(data, shape as number[], data instanceof Int32Array ? 'int32' : 'float32') as Tensor as T

/** The values of a tensor, which is disposed. */
export async function readOnce(values: Tensor): Promise<Float32Array> {
  try {
    return Float32Array.from((await values.data()) as Float32Array)
  } finally {
    values.dispose()
  }
}
