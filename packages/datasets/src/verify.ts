import type { Dataset, Sample } from '@unidiag/core/contracts/dataset'
import { UniDiagError } from '@unidiag/core/errors'
import { imageNameOf } from './image/read-picture.js'
import { describeFault } from './release/fault.js'
import type { Release } from './release/release.js'
import { inspectImages, toProblem } from './verify/inspect-images.js'
import { inspectVariant } from './verify/inspect-variant.js'
import { notesOf, notesOfImages } from './verify/notes.js'
import { type KnownRelease, releases } from './verify/releases.js'
import type { VerifyReport, VerifyReports } from './verify/report.js'
import { type Comparable, sharedImages } from './verify/shared-images.js'

export { renderReport, renderShared } from './verify/render-report.js'
export type { ImagesReport, Leak, Problem, SharedImages, SplitReport, VariantReport, VerifyReport, VerifyReports } from './verify/report.js'

/** Names that `verifyDataset` knows. */
export const verifiable: readonly string[] = Object.keys(releases)

/** A release by its name and folder, or a data set that a pipeline has opened. */
export type VerifyTarget = { readonly name: string; readonly dir: string } | { readonly dataset: Dataset }

/**
 * Looks through a downloaded release: what is there, what is missing or broken, sizes of splits, duplicates, leaks.
 * Every image that a question or caption refers to is decoded.
 * @throws UniDiagError OPTION_INVALID when the name is unknown; whatever is wrong with the data is in the report
 */
export async function verifyDataset(name: string, dir: string): Promise<VerifyReport> {
  return (await verify({ name, dir }, false)).report
}

/**
 * Looks through several data sets, and for images that they share: of the same pixels, of the same look (made smaller, or compressed again), or of the
 * same name where names come from one archive. @throws UniDiagError OPTION_INVALID when a name is unknown
 */
export async function verifyDatasets(targets: readonly VerifyTarget[]): Promise<VerifyReports> {
  const verified: Verified[] = []
  for (const target of targets) verified.push(await verify(target, targets.length > 1))
  return { reports: verified.map(({ report }) => report), shared: sharedImages(verified) }
}

interface Verified extends Comparable {
  readonly report: VerifyReport
}

async function verify(target: VerifyTarget, compare: boolean): Promise<Verified> {
  if ('dataset' in target) return inspect(target.dataset.name, '', openedRelease(target.dataset), compare)
  const known = releases[target.name]
  if (!known) throw new UniDiagError('OPTION_INVALID', `there is no data set "${target.name}" to verify`, { fix: `Use one of: ${verifiable.join(', ')}.` })
  return inspect(target.name, target.dir, known, compare)
}

/** A data set that is open has no faults: those would have kept it from being opened. */
function openedRelease(dataset: Dataset): KnownRelease {
  const splits = new Map(dataset.splits.map((split) => [split, dataset.samples(split)]))
  const release: Release = { variant: 'config', splits, faults: [], leftOut: [], imageFolders: [] }
  return { licence: 'see the release', source: 'the config', facts: [], read: async () => [release], anyVariant: false }
}

async function inspect(name: string, dir: string, known: KnownRelease, compare: boolean): Promise<Verified> {
  const all = await known.read(dir)
  const present = all.filter(({ splits }) => [...splits.values()].some((samples) => samples.length > 0))
  const read = known.anyVariant && present.length > 0 ? all.filter((release) => present.includes(release) || release.faults.some(isMalformed)) : all
  const faults = new Map(read.flatMap((release) => release.faults).map((fault) => [describeFault(fault), fault]))
  const referred = present.flatMap(({ splits }) => [...splits.values()].flat())
  const folders = new Set(all.flatMap(({ imageFolders }) => imageFolders))
  // Without an image folder, which is a problem of its own, every file would be missing.
  const findable = referred.filter(({ image }) => dir === '' || folders.size > 0 || !('file' in image))
  const images = await inspectImages(dir, new Map(findable.map((sample) => [imageNameOf(sample), sample.image])), [...folders], compare)
  const variants = present.map((release) => inspectVariant(release, images.content))
  const report: VerifyReport = {
    dataset: name,
    dir,
    licence: known.licence,
    source: known.source,
    variants,
    images: images.report,
    problems: [...[...faults.values()].map((fault) => toProblem(dir, fault)), ...images.problems],
    notes: [...variants.flatMap(notesOf), ...notesOfImages(images.report), ...known.facts],
  }
  const splits = new Map<string, Sample[]>()
  for (const release of present) for (const [split, samples] of release.splits) splits.set(split, [...(splits.get(split) ?? []), ...samples])
  return { report, name, splits, content: images.content, looks: images.looks, ...(known.archive !== undefined && { archive: known.archive }) }
}

const isMalformed = ({ code }: { code: string }): boolean => code === 'DATA_MALFORMED'
