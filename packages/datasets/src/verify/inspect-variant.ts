import type { Sample } from '@unidiag/core/contracts/dataset'
import { imageNameOf } from '../image/read-picture.js'
import type { Release } from '../release/release.js'
import { groupsOf } from './inspect-images.js'
import type { Leak, SplitReport, VariantReport } from './report.js'

const plain = (text: string): string => text.trim().toLowerCase()
const questionOf = (sample: Sample): string => `${sample.imageId}|${plain(sample.text)}`
const rowOf = (sample: Sample): string => `${questionOf(sample)}|${sample.answers?.map(plain).join('|')}`
const countBy = (values: readonly string[]): Record<string, number> => {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return Object.fromEntries(counts)
}
const imagesOf = (samples: readonly Sample[]): Set<string> => new Set(samples.map(({ imageId }) => imageId))

const lettersOf = (text: string, script: RegExp): number => text.match(script)?.length ?? 0
const isOtherScript = (text: string): boolean => lettersOf(text, /\p{L}/gu) > 2 * lettersOf(text, /\p{Script=Latin}/gu)

function splitReport(split: string, samples: readonly Sample[], known: ReadonlySet<string>): SplitReport {
  const count = (type: string): number => samples.filter(({ answerType }) => answerType === type).length
  const otherScripts = samples.filter(({ text }) => isOtherScript(text)).length
  const stated = samples.map(({ fields }) => fields?.licence ?? fields?.license)
  const licences = stated.some((licence) => licence !== undefined) ? countBy(stated.map((licence) => licence ?? 'not stated')) : {}
  return {
    split,
    questions: samples.length,
    images: imagesOf(samples).size,
    open: count('open'),
    closed: count('closed'),
    unseenAnswers: samples.filter(({ answers }) => answers && !answers.some((answer) => known.has(plain(answer)))).length,
    ...(otherScripts > 0 && { otherScripts }),
    ...(Object.keys(licences).length > 0 && { licences }),
  }
}

/** Ids of images by the hash of their content. */
function contentOf(samples: readonly Sample[], content: ReadonlyMap<string, string>): Map<string, string> {
  const byHash = new Map<string, string>()
  for (const sample of samples) {
    const hash = content.get(imageNameOf(sample))
    if (hash !== undefined) byHash.set(hash, sample.imageId)
  }
  return byHash
}

function leakBetween([first, a]: [string, readonly Sample[]], [second, b]: [string, readonly Sample[]], content: ReadonlyMap<string, string>): Leak {
  const inFirst = imagesOf(a)
  const asked = new Set(a.map(questionOf))
  const twins = contentOf(a, content)
  return {
    splits: [first, second],
    images: [...imagesOf(b)].filter((image) => inFirst.has(image)).sort(),
    sameContent: [...contentOf(b, content)].flatMap(([hash, image]) => {
      const twin = twins.get(hash)
      return twin !== undefined && twin !== image ? [[twin, image] as const] : []
    }),
    questions: b.filter((sample) => asked.has(questionOf(sample))).map(({ id }) => id),
  }
}

/** Sizes, duplicates and leaks of one reading of a release. */
export function inspectVariant({ variant, splits, leftOut }: Release, content: ReadonlyMap<string, string>): VariantReport {
  const entries = [...splits]
  const known = new Set((splits.get('train') ?? []).flatMap(({ answers = [] }) => answers.map(plain)))
  return {
    variant,
    splits: entries.map(([split, samples]) => splitReport(split, samples, known)),
    duplicates: groupsOf(entries.flatMap(([, samples]) => samples.map((sample) => [sample.id, rowOf(sample)] as const))),
    leaks: entries
      .flatMap((first, i) => entries.slice(i + 1).map((second) => leakBetween(first, second, content)))
      .filter(({ images, sameContent, questions }) => images.length + sameContent.length + questions.length > 0),
    leftOut,
  }
}
