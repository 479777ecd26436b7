import type { Rng } from '@unidiag/core/random'
import { extents, findings, modalities, organs, type Scene, sides } from './scene.js'

export interface Question {
  readonly type: string
  readonly text: string
  readonly answer: string
  readonly answerType: 'open' | 'closed'
  /** How often it is asked about its scene; the weights of a scene add up to 1. */
  readonly weight: number
}

const wordings = {
  modality: ['what modality is shown ?', 'which modality is this ?'],
  organ: ['what organ is shown ?', 'which organ is this ?'],
  finding: ['what finding is shown ?', 'which finding is there ?'],
  side: ['where is the finding ?', 'on which side is the finding ?'],
  size: ['how large is the finding ?', 'what size is the finding ?'],
}

const withArticle = (noun: string): string => `${/^[aeiou]|^mr$/.test(noun) ? 'an' : 'a'} ${noun}`
const others = <T>(all: readonly T[], one: T): readonly T[] => all.filter((other) => other !== one)

/** Not `none`, which the normalisation of answers turns into a number. */
const NOTHING = 'no finding'

/** Share of yes among "is there a <finding> ?" of scenes that have one; normal scenes add as many no as make both equal for each text. */
const YES = 0.6

/**
 * Every question about a scene. Each yes/no question is answered yes as often as no over all scenes, and no answer is much more frequent than others
 * for an image: neither the question alone nor the image alone says much.
 */
export function questionsAbout({ modality, organ, lesion }: Scene): readonly Question[] {
  const questions: Question[] = []
  const open = (type: keyof typeof wordings, answer: string, weight: number): void => {
    for (const text of wordings[type]) questions.push({ type, text, answer, answerType: 'open', weight: weight / wordings[type].length })
  }
  const closed = (type: string, answer: 'yes' | 'no', weight: number, ...texts: string[]): void => {
    for (const text of texts) questions.push({ type, text, answer, answerType: 'closed', weight: weight / texts.length })
  }
  const isModality = (name: string): string => `is this ${withArticle(name)} ?`
  const isOrgan = (name: string): string => `is this the ${name} ?`
  const isFinding = (name: string, side?: string): string => `is there ${withArticle(name)}${side ? ` on the ${side} side` : ''} ?`

  open('modality', modality, 0.1)
  open('organ', organ, 0.1)
  open('finding', lesion?.finding ?? NOTHING, 0.15)
  open('side', lesion?.side ?? NOTHING, 0.12)
  open('size', lesion?.extent ?? NOTHING, 0.11)
  const whole = lesion ? 0.035 : 0.06
  closed('is-modality', 'yes', whole, isModality(modality))
  closed('is-modality', 'no', whole, ...others(modalities, modality).map(isModality))
  closed('is-organ', 'yes', whole, isOrgan(organ))
  closed('is-organ', 'no', whole, ...others(organs, organ).map(isOrgan))
  if (!lesion) {
    closed('is-finding', 'no', 0.08, ...findings.map((name) => isFinding(name)))
    closed('is-abnormal', 'no', 0.1, 'is there any finding ?')
    return questions
  }
  const { finding, side, extent } = lesion
  closed('is-finding', 'yes', 0.08 * YES, isFinding(finding))
  closed('is-finding', 'no', 0.08 * (1 - YES), ...others(findings, finding).map((name) => isFinding(name)))
  closed('is-finding-side', 'yes', 0.05, isFinding(finding, side))
  // Half of the no are right about the finding, half about the side: both have to be looked at.
  closed('is-finding-side', 'no', 0.025, ...others(sides, side).map((other) => isFinding(finding, other)))
  closed('is-finding-side', 'no', 0.025, ...others(findings, finding).map((other) => isFinding(other, side)))
  for (const name of sides) closed('is-side', name === side ? 'yes' : 'no', 0.02, `is the finding on the ${name} side ?`)
  for (const name of extents) closed('is-size', name === extent ? 'yes' : 'no', 0.02, `is the finding ${name} ?`)
  closed('is-abnormal', 'yes', 0.02, 'is there any finding ?')
  return questions
}

/** Draws different questions about a scene, by weight. */
export function drawQuestions(scene: Scene, count: number, rng: Rng): Question[] {
  const left = [...questionsAbout(scene)]
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
