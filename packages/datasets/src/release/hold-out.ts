import { createHash } from 'node:crypto'
import type { Sample } from '@unidiag/core/contracts/dataset'

/**
 * Splits samples so that no image is on both sides: the images with the smallest hash of (seed, image id) are held out, `share` of all images.
 * Which images these are depends on nothing else, so adding questions does not move an image.
 */
export function holdOut(samples: readonly Sample[], share: number, seed: number): { readonly kept: readonly Sample[]; readonly heldOut: readonly Sample[] } {
  const hash = (imageId: string): string => createHash('sha256').update(`${seed}/${imageId}`).digest('hex')
  const images = [...new Set(samples.map(({ imageId }) => imageId))].map((id) => ({ id, hash: hash(id) })).sort((a, b) => (a.hash < b.hash ? -1 : 1))
  const count = images.length < 2 ? 0 : Math.min(images.length - 1, Math.max(1, Math.round(share * images.length)))
  const held = new Set(images.slice(0, count).map(({ id }) => id))
  return { kept: samples.filter(({ imageId }) => !held.has(imageId)), heldOut: samples.filter(({ imageId }) => held.has(imageId)) }
}
