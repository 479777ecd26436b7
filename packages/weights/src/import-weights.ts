import { UniDiagError } from '@unidiag/core/errors'
import type { Parameters } from '@unidiag/core/nn/parameter'
import { detectKind, mapNames, neededNames, renameTensors, type WeightsKind } from './names.js'
import { openWeights, type WeightsFile, type WeightsFormat } from './read-weights.js'

export interface ImportOptions {
  /** Whose names the file has; told from the names when left out. */
  readonly kind?: WeightsKind | undefined
  /** Loads the averaged teacher (`ema.module.*`) of a UMD checkpoint in place of the student. */
  readonly teacher?: boolean | undefined
  /** Beginnings of names (here) that keep their values, e.g. `vqa_head`. */
  readonly skip?: readonly string[] | undefined
}

/** What became of the tensors of a file. */
export interface ImportReport {
  readonly file: string
  readonly format: WeightsFormat
  readonly kind: WeightsKind
  /** Names in the model. */
  readonly loaded: readonly string[]
  /** Those of `loaded` whose shape was another in the file (position tables of another image size). */
  readonly resized: readonly { readonly name: string; readonly from: readonly number[]; readonly to: readonly number[] }[]
  /** Names in the model that the file does not have. */
  readonly missing: readonly string[]
  /** Names in the file that were left out, and why. */
  readonly skipped: readonly { readonly name: string; readonly reason: string }[]
}

/**
 * Loads a file of weights into a model: renames, stacks queries, keys and values, resizes position tables. Reads only what the model has.
 * Every shape is checked before anything changes.
 * @throws UniDiagError CHECKPOINT_INVALID, CHECKPOINT_MISMATCH
 */
export async function importWeights(parameters: Parameters, file: string, options: ImportOptions = {}): Promise<ImportReport> {
  const weights = await openWeights(file)
  try {
    const kind = options.kind ?? kindOf(weights)
    const map = mapNames(weights.entries.keys(), kind, { wanted: (name) => parameters.has(name) })
    const [own, other] = options.teacher ? [map.teacher, map.weights] : [map.weights, map.teacher]
    const skipped = new Map(map.skipped)
    const leave = (files: readonly string[], reason: string) => {
      for (const name of files) skipped.set(name, reason)
    }
    for (const files of other.values()) leave(files, options.teacher ? 'a weight of the student' : 'a weight of the averaged teacher')
    const chosen = new Map<string, readonly string[]>()
    for (const [name, files] of own) {
      if (options.skip?.some((start) => name.startsWith(start))) leave(files, 'was to be skipped')
      else if (parameters.has(name)) chosen.set(name, files)
      else leave(files, `the model has no ${name}`)
    }
    const chosenMap = { weights: chosen, teacher: new Map(), skipped }
    const needed = neededNames(chosenMap)
    const { weights: stored, skipped: left } = renameTensors(await weights.readAll((name) => needed.has(name)), chosenMap)
    if (stored.size === 0) throw nothing(weights, kind, options)
    const { loaded, missing, adapted } = parameters.load(stored, { from: file })
    return {
      file,
      format: weights.format,
      kind,
      loaded,
      resized: adapted.map((name) => ({ name, from: stored.get(name)!.shape, to: parameters.get(name).shape })),
      missing,
      skipped: Array.from(left, ([name, reason]) => ({ name, reason })),
    }
  } finally {
    await weights.close()
  }
}

/** @throws UniDiagError CHECKPOINT_MISMATCH */
export function kindOf(weights: WeightsFile): WeightsKind {
  const kind = detectKind(weights.entries.keys())
  if (kind) return kind
  throw new UniDiagError('CHECKPOINT_MISMATCH', `${weights.file}: its names are those of no known model (${someNames(weights)})`, {
    fix: 'Say which system it is from with `kind`, or rename its tensors.',
  })
}

function nothing(weights: WeightsFile, kind: WeightsKind, { teacher, skip }: ImportOptions): UniDiagError {
  const of = teacher ? 'averaged teacher of this model' : 'parameter of this model'
  return new UniDiagError(
    'CHECKPOINT_MISMATCH',
    `${weights.file}, read as ${kind}, holds no ${of}${skip?.length ? ' that was not to be skipped' : ''} (${someNames(weights)})`,
    {
      fix: 'Use a file of the same architecture, or another `kind`.',
    },
  )
}

function someNames({ entries }: WeightsFile): string {
  const names = [...entries.keys()]
  return names.length === 0 ? 'it is empty' : `${names.slice(0, 3).join(', ')}${names.length > 3 ? `, and ${names.length - 3} more` : ''}`
}
