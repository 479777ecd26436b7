import type { Rng } from '@unidiag/core/random'
import type { Scene } from './scene.js'

/**
 * Wordings name every attribute once and little else: what a masked word was has to be seen in the image, it does not follow from the rest of the text,
 * and most masked words are of that kind.
 */
const wordings: readonly ((m: string, o: string, finding: string, side: string, size: string) => string)[] = [
  (m, o, finding, side, size) => `${m} of the ${o} showing a ${size} ${side} ${finding}`,
  (m, o, finding, side, size) => `${size} ${finding} on the ${side} side , ${o} ${m}`,
  (m, o, finding, side, size) => `${m} ${o} : ${finding} , ${side} , ${size}`,
  (m, o, finding, side, size) => `modality ${m} , organ ${o} , finding ${finding} , side ${side} , size ${size}`,
  (m, o, finding, side, size) => `finding ${finding} , size ${size} , side ${side} , organ ${o} , modality ${m}`,
]

const normalWordings: readonly ((m: string, o: string) => string)[] = [
  (m, o) => `normal ${m} of the ${o}`,
  (m, o) => `${m} ${o} : no abnormality`,
  (m, o) => `modality ${m} , organ ${o} , no finding`,
  (m, o) => `no finding , organ ${o} , modality ${m}`,
]

/** A sentence about a scene, in one of several wordings. */
export function caption({ modality, organ, lesion }: Scene, rng: Rng): string {
  if (!lesion) return normalWordings[rng.int(normalWordings.length)](modality, organ)
  return wordings[rng.int(wordings.length)](modality, organ, lesion.finding, lesion.side, lesion.extent)
}
