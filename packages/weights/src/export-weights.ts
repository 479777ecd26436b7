import { UniDiagError } from '@unidiag/core/errors'
import { writeSafetensors } from '@unidiag/core/io/safetensors'
import type { FileTensor, Parameters } from '@unidiag/core/nn/parameter'
import { kindOf } from './import-weights.js'
import { isM3aeName, teacherPrefix } from './names/m3ae.js'
import { mapNames, neededNames, renameTensors, type WeightsKind } from './names.js'
import { openWeights } from './read-weights.js'

export interface ExportOptions {
  /**
   * `unidiag`: every weight. `m3ae`: those that M3AE and UMD know, which a non-strict load of theirs takes. The names are the same; the
   * dead weights of theirs are left out.
   */
  readonly names?: 'unidiag' | 'm3ae' | undefined
}

export interface ExportReport {
  readonly file: string
  readonly written: readonly string[]
  /** Weights that the other system does not have. */
  readonly leftOut: readonly string[]
}

/** Writes the weights of a model as safetensors, in PyTorch's layout. @throws UniDiagError CHECKPOINT_MISMATCH when none is left */
export function exportWeights(parameters: Parameters, file: string, options: ExportOptions = {}): Promise<ExportReport> {
  return write(parameters.export(), file, options)
}

export interface ConvertOptions extends ExportOptions {
  /** Whose names the file has; told from the names when left out. */
  readonly kind?: WeightsKind | undefined
  /** Writes the averaged teacher of a UMD checkpoint in place of the student. */
  readonly teacher?: boolean | undefined
}

export interface ConvertReport extends ExportReport {
  readonly kind: WeightsKind
  /** Names in the file that were left out, and why. */
  readonly skipped: readonly { readonly name: string; readonly reason: string }[]
}

/**
 * Writes a file of weights of any known system as safetensors under the reference names, without a model. The teacher of a UMD checkpoint goes along
 * as `ema.module.*`.
 * @throws UniDiagError CHECKPOINT_INVALID, CHECKPOINT_MISMATCH
 */
export async function convertWeights(from: string, to: string, options: ConvertOptions = {}): Promise<ConvertReport> {
  const source = await openWeights(from)
  try {
    const kind = options.kind ?? kindOf(source)
    const map = mapNames(source.entries.keys(), kind)
    const needed = neededNames(map)
    const { weights, teacher, skipped } = renameTensors(await source.readAll((name) => needed.has(name)), map)
    const tensors = options.teacher ? teacher : new Map([...weights, ...Array.from(teacher, ([name, tensor]) => [teacherPrefix + name, tensor] as const)])
    return { kind, skipped: Array.from(skipped, ([name, reason]) => ({ name, reason })), ...(await write(tensors, to, options)) }
  } finally {
    await source.close()
  }
}

async function write(tensors: ReadonlyMap<string, FileTensor>, file: string, { names = 'unidiag' }: ExportOptions): Promise<ExportReport> {
  const isWritten = (name: string) => names === 'unidiag' || isM3aeName(name.startsWith(teacherPrefix) ? name.slice(teacherPrefix.length) : name)
  const written = new Map([...tensors].filter(([name]) => isWritten(name)))
  if (written.size === 0) throw new UniDiagError('CHECKPOINT_MISMATCH', `there is no weight to write to ${file}`)
  await writeSafetensors(file, written, { format: 'pt' })
  return { file, written: [...written.keys()], leftOut: [...tensors.keys()].filter((name) => !isWritten(name)) }
}
