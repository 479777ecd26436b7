import type { Rng } from '@unidiag/core/random'
import { type Concepts, extents, type Scene, sides } from './scene.js'

export interface Question {
  readonly type: string
  readonly text: string
  readonly answer: string
  readonly answerType: 'open' | 'closed'
  /** How often it is asked about its scene; the weights of a scene add up to 1. */
  readonly weight: number
}

/** The nouns are those of the captions. */
const wordings = {
  modality: ['what modality is shown ?', 'which modality is this ?'],
  organ: ['what organ is shown ?', 'which organ is this ?'],
  finding: ['what finding is shown ?', 'which finding is there ?'],
  side: ['where is the finding ?', 'on which side is the finding ?'],
  size: ['how large is the finding ?', 'what size is the finding ?'],
}

/** Not `none`, which the normalisation of answers turns into a number. */
const NOTHING = 'no finding'

const withArticle = (noun: string): string => `${/^[aeiou]|^mr$/.test(noun) ? 'an' : 'a'} ${noun}`
const others = <T>(all: readonly T[], one: T): readonly T[] => all.filter((other) => other !== one)

/**
 * Every question about a scene. Each yes/no question is answered yes as often as no over all scenes, and no answer is much more frequent than others
 * for an image: neither the question alone nor the image alone says much.
 */
export function questionsAbout({ modality, organ, lesion }: Scene, { modalities, organs, findings }: Concepts): readonly Question[] {
  const questions: Question[] = []
  const open = (type: keyof typeof wordings, answer: string, weight: number): void => {
    for (const text of wordings[type]) questions.push({ type, text, answer, answerType: 'open', weight: weight / wordings[type].length })
  }
  const closed = (type: string, answer: 'yes' | 'no', weight: number, texts: readonly string[]): void => {
    for (const text of texts) questions.push({ type, text, answer, answerType: 'closed', weight: weight / texts.length })
  }
  const isModality = (name: string): string => `is this ${withArticle(name)} ?`
  const isOrgan = (name: string): string => `is this the ${name} ?`
  const isFinding = (name: string): string => `is there ${withArticle(name)} ?`
  const isFindingOn = (name: string, side: string): string => `is there ${withArticle(name)} on the ${side} side ?`
  const IS_ANY = ['is there any finding ?']

  open('modality', modality, 0.1)
  open('organ', organ, 0.1)
  open('finding', lesion?.finding ?? NOTHING, 0.15)
  open('side', lesion?.side ?? NOTHING, 0.12)
  open('size', lesion?.extent ?? NOTHING, 0.11)
  const half = lesion ? 0.035 : 0.06
  closed('is-modality', 'yes', half, [isModality(modality)])
  closed('is-modality', 'no', half, others(modalities, modality).map(isModality))
  closed('is-organ', 'yes', half, [isOrgan(organ)])
  closed('is-organ', 'no', half, others(organs, organ).map(isOrgan))
  if (!lesion) {
    closed('is-finding', 'no', 0.08, findings.map(isFinding))
    closed('is-any', 'no', 0.1, IS_ANY)
    return questions
  }
  const { finding, side, extent } = lesion
  // The scenes without a finding only ever add a no, which those with one make up for.
  const yes = (1 + 1 / findings.length) / 2
  closed('is-finding', 'yes', 0.08 * yes, [isFinding(finding)])
  closed('is-finding', 'no', 0.08 * (1 - yes), others(findings, finding).map(isFinding))
  const any = 0.1 / findings.length
  closed('is-any', 'yes', any, IS_ANY)
  for (const name of sides) closed('is-side', name === side ? 'yes' : 'no', 0.02, [`is the finding on the ${name} side ?`])
  for (const name of extents) closed('is-size', name === extent ? 'yes' : 'no', 0.02, [`is the finding ${name} ?`])
  const rest = 0.12 - any
  closed('is-finding-side', 'yes', rest / 2, [isFindingOn(finding, side)])
  // Half of the no are right about the finding, half about the side: both have to be looked at.
  closed(
    'is-finding-side',
    'no',
    rest / 4,
    others(sides, side).map((other) => isFindingOn(finding, other)),
  )
  closed(
    'is-finding-side',
    'no',
    rest / 4,
    others(findings, finding).map((other) => isFindingOn(other, side)),
  )
  return questions
}

/** Draws different questions about a scene, by weight. */
export function drawQuestions(scene: Scene, concepts: Concepts, count: number, rng: Rng): Question[] {
  const left = [...questionsAbout(scene, concepts)]
  const drawn: Question[] = []
  while (drawn.length < count && left.length > 0) {
    const at = rng.uniform() * left.reduce((sum, { weight }) => sum + weight, 0)
    let below = 0
    const index = left.findIndex(({ weight }) => {
      below += weight
      return at < below
    })
    drawn.push(...left.splice(index < 0 ? left.length - 1 : index, 1))
  }
  return drawn
}
