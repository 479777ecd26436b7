import { faultsOf, headerLength, parseHeader } from '@unidiag/core/io/safetensors-header'
import { readable } from '../tensors/element-type.js'
import { TensorView } from '../tensors/tensor-view.js'
import type { Opened } from './opened.js'
import type { RandomAccess } from './random-access.js'

/** Opens a safetensors file; core's parser trusts no header. @throws UniDiagError CHECKPOINT_INVALID */
export async function openSafetensors(file: RandomAccess): Promise<Opened> {
  const fault = faultsOf(file.path)
  const length = headerLength(new DataView(await file.read(0, Math.min(8, file.size))), file.size, fault)
  const { entries, metadata } = parseHeader(new Uint8Array(await file.read(8, 8 + length)), file.size - 8 - length, fault)
  const tensors = new Map<string, TensorView>()
  for (const { name, dtype, shape, begin, end } of entries) {
    const type = readable(dtype)
    const at = 8 + length + begin
    tensors.set(name, new TensorView({ type, elements: (end - begin) / type.bytes, read: (from, to) => file.read(at + from, at + to) }, shape))
  }
  return { format: 'safetensors', tensors, metadata }
}
