import type { TensorView } from '../tensors/tensor-view.js'

export type WeightsFormat = 'safetensors' | 'torch-zip' | 'torch-legacy' | 'torchscript' | 'pickle'

/** What every format comes down to: named views of storages. */
export interface Opened {
  readonly format: WeightsFormat
  readonly tensors: ReadonlyMap<string, TensorView>
  /** Texts that the file carries besides (safetensors). */
  readonly metadata: Readonly<Record<string, string>>
}
