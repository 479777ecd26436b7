import type { Sample } from '@unidiag/core/contracts/dataset'
import { imageNameOf } from '../image/read-picture.js'
import { type Look, likeness } from './look.js'
import type { SharedImages } from './report.js'

/** What is compared of a data set. */
export interface Comparable {
  readonly name: string
  readonly splits: ReadonlyMap<string, readonly Sample[]>
  /** Hashes of pixels and looks by the names of images. */
  readonly content: ReadonlyMap<string, string>
  readonly looks: ReadonlyMap<string, Look>
  /** Where names of images come from; equal names of one archive are one image. */
  readonly archive?: string
}

type Pair = SharedImages['images'][number]

/**
 * Images of VQA-RAD made smaller and compressed again are alike to 0.9992 and more, two different ones to 0.981 and less, neighbouring slices included.
 */
const SAME_LOOK = 0.998
/** Comparing all looks with all takes too long beyond. */
const MAX_PAIRS = 5e7

/** One name of an image for each id. */
const byId = (samples: readonly Sample[]): [string, string][] => [...new Map(samples.map((sample) => [sample.imageId, imageNameOf(sample)]))]

function pairsOf(a: Comparable, first: readonly Sample[], b: Comparable, second: readonly Sample[]): Pair[] {
  const [left, right] = [byId(first), byId(second)]
  const byContent = new Map(left.flatMap(([id, name]) => (a.content.has(name) ? [[a.content.get(name)!, id] as const] : [])))
  const names = new Set(a.archive !== undefined && a.archive === b.archive ? left.map(([id]) => id) : [])
  const looks = left.length * right.length > MAX_PAIRS ? [] : left.flatMap(([id, name]) => (a.looks.has(name) ? [[id, a.looks.get(name)!] as const] : []))
  return right.flatMap(([id, name]): Pair[] => {
    const twin = byContent.get(b.content.get(name) ?? '')
    if (twin !== undefined) return [{ ids: [twin, id], by: 'content' }]
    if (names.has(id)) return [{ ids: [id, id], by: 'name' }]
    const look = b.looks.get(name)
    const alike = look && looks.find(([, other]) => likeness(look, other) >= SAME_LOOK)
    return alike ? [{ ids: [alike[0], id], by: 'looks' }] : []
  })
}

/** Images that splits of different data sets share. */
export function sharedImages(sets: readonly Comparable[]): SharedImages[] {
  return sets.flatMap((a, i) =>
    sets.slice(i + 1).flatMap((b) =>
      [...a.splits].flatMap(([first, ours]) =>
        [...b.splits].flatMap(([second, theirs]): SharedImages[] => {
          const images = pairsOf(a, ours, b, theirs)
          return images.length > 0 ? [{ between: [`${a.name} ${first}`, `${b.name} ${second}`], images }] : []
        }),
      ),
    ),
  )
}
