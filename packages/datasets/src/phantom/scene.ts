import type { Rng } from '@unidiag/core/random'

export const modalities = ['ct', 'mr', 'radiograph', 'ultrasound'] as const
export const organs = ['head', 'chest', 'abdomen', 'pelvis'] as const
export const findings = ['mass', 'cyst', 'effusion', 'fracture', 'calcification'] as const
export const sides = ['left', 'right'] as const
export const extents = ['small', 'large'] as const

export type Modality = (typeof modalities)[number]
export type Organ = (typeof organs)[number]
export type Finding = (typeof findings)[number]

/** What scenes are made of. */
export interface Concepts {
  readonly modalities: readonly Modality[]
  readonly organs: readonly Organ[]
  readonly findings: readonly Finding[]
}

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

/** A scene; each modality, organ, side and extent is equally likely, and having no finding as likely as having any one of them. */
export function drawScene({ modalities, organs, findings }: Concepts, rng: Rng): Scene {
  const among = <T>(all: readonly T[]): T => all[rng.int(all.length)]
  const finding = among([undefined, ...findings])
  return { modality: among(modalities), organ: among(organs), lesion: finding && { finding, side: among(sides), extent: among(extents) } }
}

/** The scene as columns; a scene without a lesion says `none`. */
export function fieldsOf({ modality, organ, lesion }: Scene): Record<string, string> {
  return { modality, organ, finding: lesion?.finding ?? 'none', side: lesion?.side ?? 'none', size: lesion?.extent ?? 'none' }
}
