import { UniDiagError } from '@unidiag/core/errors'
import type { StoredTensor } from '@unidiag/core/io/safetensors'
import type { FileTensor } from '@unidiag/core/nn/parameter'

/**
 * One tensor of the rows of several, as float32.
 * @param name for messages
 * @returns undefined for integers, which are no weights
 * @throws UniDiagError CHECKPOINT_MISMATCH when the rows have different widths
 */
export function stackRows(name: string, parts: readonly StoredTensor[]): FileTensor | undefined {
  const floats = parts.map(({ data }) => (data instanceof Float64Array ? Float32Array.from(data) : data))
  if (!floats.every((data) => data instanceof Float32Array)) return undefined
  const [{ shape }] = parts
  if (parts.length === 1) return { shape, data: floats[0] }
  const row = shape.slice(1)
  if (shape.length === 0 || parts.some((part) => String(part.shape.slice(1)) !== String(row)))
    throw new UniDiagError(
      'CHECKPOINT_MISMATCH',
      `${name} is stacked of parts of shapes ${parts.map((part) => `[${part.shape}]`).join(', ')}, which do not fit`,
    )
  const data = new Float32Array(floats.reduce((size, part) => size + part.length, 0))
  let at = 0
  for (const part of floats) {
    data.set(part, at)
    at += part.length
  }
  return { shape: [parts.reduce((rows, part) => rows + part.shape[0], 0), ...row], data }
}
