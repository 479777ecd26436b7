import { readdir } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import type { Sample } from '@unidiag/core/contracts/dataset'
import type { Release } from './release.js'

/** The release without samples whose image file is not there, as the reference drops them. Each folder is listed once. */
export async function withoutMissing<R extends Pick<Release, 'splits'>>(release: R): Promise<R> {
  const listed = new Map<string, Set<string>>()
  const isThere = ({ image }: Sample): boolean => !('file' in image) || listed.get(dirname(image.file))!.has(basename(image.file))
  const all = [...release.splits.values()].flat()
  for (const { image } of all) {
    const folder = 'file' in image ? dirname(image.file) : undefined
    if (folder !== undefined && !listed.has(folder)) listed.set(folder, new Set(await readdir(folder).catch(() => [])))
  }
  return { ...release, splits: new Map([...release.splits].map(([split, samples]) => [split, samples.filter(isThere)])) }
}
