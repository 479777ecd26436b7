import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { extname, isAbsolute, join, relative } from 'node:path'
import type { ImageSource } from '@unidiag/core/contracts/dataset'
import { UniDiagError } from '@unidiag/core/errors'
import { limit } from '../image/limit.js'
import { readPicture } from '../image/read-picture.js'
import type { Fault } from '../release/fault.js'
import { type Look, lookOf } from './look.js'
import type { ImagesReport, Problem } from './report.js'

const AT_ONCE = 4

export interface InspectedImages {
  readonly report: ImagesReport
  readonly problems: readonly Problem[]
  /** Hash of the pixels of each image that could be decoded, by its name. */
  readonly content: ReadonlyMap<string, string>
  /** What each of them looks like, where that was asked for. */
  readonly looks: ReadonlyMap<string, Look>
}

/** Fewer levels of the 256 are hardly a picture: a wrong window, or bits that were lost. */
const NARROW = 32

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

function rangeOf(data: Uint8Array): readonly [number, number] {
  let [low, high] = [255, 0]
  for (const value of data) {
    if (value < low) low = value
    if (value > high) high = value
  }
  return [low, high]
}

/** Groups of two and more keys that have the same value. */
export function groupsOf(values: Iterable<readonly [string, string]>): string[][] {
  const groups = new Map<string, string[]>()
  for (const [key, value] of values) groups.set(value, [...(groups.get(value) ?? []), key])
  return [...groups.values()].filter((group) => group.length > 1)
}

/**
 * Decodes every image that is referred to, by name.
 * @param compare whether looks are taken, to find the same image in another data set
 */
export async function inspectImages(
  dir: string,
  images: ReadonlyMap<string, ImageSource>,
  folders: readonly string[],
  compare: boolean,
): Promise<InspectedImages> {
  const inTurn = limit(AT_ONCE)
  const content = new Map<string, string>()
  const problems: Problem[] = []
  const looks = new Map<string, Look>()
  const blank: string[] = []
  const narrow: string[] = []
  const values = { low: 255, high: 0 }
  const short = (name: string): string => (isAbsolute(name) || 'file' in (images.get(name) ?? {}) ? relative(dir, name) : name)
  const inspect = async ([name, image]: readonly [string, ImageSource]): Promise<void> => {
    try {
      const picture = await readPicture(image)
      const { data, width, height, channels } = picture
      const [low, high] = rangeOf(data)
      values.low = Math.min(values.low, low)
      values.high = Math.max(values.high, high)
      if (data.every((value, i) => value === data[i % channels])) blank.push(short(name))
      else if (high - low < NARROW) narrow.push(short(name))
      if (compare) looks.set(name, lookOf(picture))
      content.set(name, createHash('sha256').update(`${width}x${height}x${channels}`).update(data).digest('hex'))
    } catch (error) {
      const missing = error instanceof UniDiagError && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT'
      const reason = (error as Error).message.replace(`${'file' in image ? image.file : name}: `, '')
      problems.push({ kind: missing ? 'missing-image' : 'broken-image', file: short(name), reason })
    }
  }
  await Promise.all([...images].map((image) => inTurn(() => inspect(image))))
  const used = new Set([...images.values()].flatMap((image) => ('file' in image ? [image.file] : [])))
  const kinds = new Set([...used].map((file) => extname(file)))
  const present = (await Promise.all(folders.map(filesBelow))).flat()
  return {
    content,
    looks,
    problems: problems.sort((a, b) => (a.file < b.file ? -1 : 1)),
    report: {
      referenced: images.size,
      decoded: content.size,
      ...(content.size > 0 && { values }),
      blank: blank.sort(),
      narrow: narrow.sort(),
      missing: problems.filter(({ kind }) => kind === 'missing-image').length,
      duplicates: groupsOf([...content].sort()).map((group) => group.map(short)),
      // Masks and other companions of another file type are no images of questions.
      unused: present
        .filter((file) => !used.has(file) && kinds.has(extname(file)))
        .map(short)
        .sort(),
    },
  }
}

/** A fault of a release as a problem. */
export function toProblem(dir: string, { code, file, at, reason }: Fault): Problem {
  const place = relative(dir, file)
  return { kind: code === 'DATA_MISSING' ? 'missing-file' : 'malformed', file: `${place || '.'}${at ? `:${at}` : ''}`, reason }
}
