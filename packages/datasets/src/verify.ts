import { UniDiagError } from '@unidiag/core/errors'
import { imageNameOf } from './image/read-picture.js'
import { describeFault } from './release/fault.js'
import { inspectImages, toProblem } from './verify/inspect-images.js'
import { inspectVariant } from './verify/inspect-variant.js'
import { notesOf, notesOfImages } from './verify/notes.js'
import { releases } from './verify/releases.js'
import type { VerifyReport } from './verify/report.js'

export { renderReport } from './verify/render-report.js'
export type { ImagesReport, Leak, Problem, SplitReport, VariantReport, VerifyReport } from './verify/report.js'

/** Names that `verifyDataset` knows. */
export const verifiable: readonly string[] = Object.keys(releases)

/**
 * Looks through a downloaded release: what is there, what is missing or broken, sizes of splits, duplicates, leaks.
 * Every image that a question or caption refers to is decoded.
 * @throws UniDiagError OPTION_INVALID when the name is unknown; whatever is wrong with the data is in the report
 */
export async function verifyDataset(name: string, dir: string): Promise<VerifyReport> {
  const known = releases[name]
  if (!known) throw new UniDiagError('OPTION_INVALID', `there is no data set "${name}" to verify`, { fix: `Use one of: ${verifiable.join(', ')}.` })
  const all = await known.read(dir)
  const present = all.filter(({ splits }) => [...splits.values()].some((samples) => samples.length > 0))
  const read = known.anyVariant && present.length > 0 ? all.filter((release) => present.includes(release) || release.faults.some(isMalformed)) : all
  const faults = new Map(read.flatMap((release) => release.faults).map((fault) => [describeFault(fault), fault]))
  const referred = present.flatMap(({ splits }) => [...splits.values()].flat())
  const folders = new Set(all.flatMap(({ imageFolders }) => imageFolders))
  // Without an image folder, which is a problem of its own, every file would be missing.
  const findable = referred.filter(({ image }) => folders.size > 0 || !('file' in image))
  const images = await inspectImages(dir, new Map(findable.map((sample) => [imageNameOf(sample), sample.image])), [...folders])
  const variants = present.map((release) => inspectVariant(release, images.content))
  return {
    dataset: name,
    dir,
    licence: known.licence,
    source: known.source,
    variants,
    images: images.report,
    problems: [...[...faults.values()].map((fault) => toProblem(dir, fault)), ...images.problems],
    notes: [...variants.flatMap(notesOf), ...notesOfImages(images.report), ...known.facts],
  }
}

const isMalformed = ({ code }: { code: string }): boolean => code === 'DATA_MALFORMED'
