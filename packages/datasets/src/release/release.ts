import type { Dataset, Sample } from '@unidiag/core/contracts/dataset'
import { UniDiagError } from '@unidiag/core/errors'
import { type Fault, refuse } from './fault.js'

/** One reading of a release: its samples by split in file order, and what is wrong with it. */
export interface Release {
  /** Which reading (`mevf`, `en`), when a release has several. */
  readonly variant: string
  readonly splits: ReadonlyMap<string, readonly Sample[]>
  readonly faults: readonly Fault[]
  /** Ids of rows that are there but say nothing (no text, no answer). */
  readonly leftOut: readonly string[]
  /** Folders that hold the images. */
  readonly imageFolders: readonly string[]
}

/** Gathers samples of a release. */
export class ReleaseBuilder {
  readonly splits = new Map<string, Sample[]>()
  readonly faults: Fault[] = []
  readonly leftOut: string[] = []
  readonly imageFolders: string[] = []

  /** Adds rows; ids must differ within a split, and rows without text, or with answers that are all empty, are left out. */
  add(split: string, file: string, samples: readonly Sample[]): void {
    const ids = new Set<string>()
    const kept = samples.filter((sample) => {
      if (ids.has(sample.id)) this.faults.push({ code: 'DATA_MALFORMED', file, reason: `two rows have the id ${sample.id}` })
      ids.add(sample.id)
      const says = sample.text !== '' && (sample.answers?.some((answer) => answer.trim() !== '' && answer !== 'NULL') ?? true)
      if (!says) this.leftOut.push(sample.id)
      return says
    })
    this.splits.set(split, kept)
  }

  build(variant: string): Release {
    const { splits, faults, leftOut, imageFolders } = this
    return { variant, splits, faults, leftOut, imageFolders }
  }
}

/** @throws UniDiagError DATA_MISSING, DATA_MALFORMED when the release has faults */
export function toDataset(name: string, { splits, faults }: Pick<Release, 'splits' | 'faults'>): Dataset {
  refuse(name, faults)
  return {
    name,
    synthetic: false,
    splits: [...splits.keys()],
    samples(split) {
      const found = splits.get(split)
      if (!found) throw new UniDiagError('SPLIT_UNKNOWN', `${name} has no split "${split}"; it has: ${[...splits.keys()].join(', ')}`)
      return found
    },
  }
}
