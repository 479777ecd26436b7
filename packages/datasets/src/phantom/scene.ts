import type { Rng } from '@unidiag/core/random'

export const modalities = ['ct', 'mr', 'radiograph', 'ultrasound'] as const
export const organs = ['head', 'chest', 'abdomen', 'pelvis'] as const
export const findings = ['mass', 'cyst', 'effusion', 'fracture', 'calcification'] as const
export const sides = ['left', 'right'] as const
export const extents = ['small', 'large'] as const

export type Modality = (typeof modalities)[number]
export type Organ = (typeof organs)[number]
export type Finding = (typeof findings)[number]

export interface Lesion {
  readonly finding: Finding
  /** The patient's side: left is on the right of the image. */
  readonly side: (typeof sides)[number]
  readonly extent: (typeof extents)[number]
}

/** What a phantom shows. */
export interface Scene {
  readonly modality: Modality
  readonly organ: Organ
  readonly lesion: Lesion | undefined
}

/** Every scene; all are equally likely but those without a lesion, which make up `NORMAL_SHARE`. */
export const scenes: readonly Scene[] = modalities.flatMap((modality) =>
  organs.flatMap((organ) => [
    { modality, organ, lesion: undefined },
    ...findings.flatMap((finding) => sides.flatMap((side) => extents.map((extent) => ({ modality, organ, lesion: { finding, side, extent } })))),
  ]),
)

/** As many as have any one finding, so that "none" is not the best guess. */
export const NORMAL_SHARE = 1 / (findings.length + 1)

const normal = scenes.filter(({ lesion }) => !lesion)
const abnormal = scenes.filter(({ lesion }) => lesion)

/** How often a scene occurs. */
export const probabilityOf = ({ lesion }: Scene): number => (lesion ? (1 - NORMAL_SHARE) / abnormal.length : NORMAL_SHARE / normal.length)

export function drawScene(rng: Rng): Scene {
  const among = rng.uniform() < NORMAL_SHARE ? normal : abnormal
  return among[rng.int(among.length)]
}

/** The scene as columns; a scene without a lesion says `none`. */
export function fieldsOf({ modality, organ, lesion }: Scene): Record<string, string> {
  return { modality, organ, finding: lesion?.finding ?? 'none', side: lesion?.side ?? 'none', size: lesion?.extent ?? 'none' }
}
