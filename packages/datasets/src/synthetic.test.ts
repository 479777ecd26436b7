import { createHash } from 'node:crypto'
import type { Dataset, Sample } from '@unidiag/core/contracts/dataset'
import { describe, expect, it } from 'vitest'
import type { z } from 'zod'
import { questionsAbout } from './phantom/questions.js'
import { type Concepts, extents, findings, modalities, organs, type Scene, sides } from './phantom/scene.js'
import { synthetic } from './synthetic.js'

type Options = z.input<typeof synthetic.definition.options>
const open = (options: Options): Dataset => synthetic.definition.setup({ needs: {}, options: synthetic.definition.options.parse(options) }) as Dataset
const pixelsOf = ({ image }: Sample) => ('pixels' in image ? image.pixels() : undefined)!
const hashOf = (sample: Sample) => createHash('sha256').update(pixelsOf(sample).data).digest('hex')
const all = (dataset: Dataset) => dataset.splits.flatMap((split) => dataset.samples(split))
const samples = { train: 120, val: 20, test: 40 }

/** Every scene and how often it occurs. */
function scenesOf({ modalities, organs, findings }: Concepts): { scene: Scene; share: number }[] {
  const lesions = [undefined, ...findings.flatMap((finding) => sides.flatMap((side) => extents.map((extent) => ({ finding, side, extent }))))]
  const places = modalities.length * organs.length * (findings.length + 1)
  return modalities.flatMap((modality) =>
    organs.flatMap((organ) =>
      lesions.map((lesion) => ({ scene: { modality, organ, lesion }, share: 1 / (places * (lesion ? sides.length * extents.length : 1)) })),
    ),
  )
}

/** Adds `weight` to a tally of answers. */
function tally(counts: Map<string, Map<string, number>>, key: string, answer: string, weight: number): void {
  const answers = counts.get(key) ?? new Map<string, number>()
  counts.set(key, answers.set(answer, (answers.get(answer) ?? 0) + weight))
}
const best = (answers: ReadonlyMap<string, number>): number => Math.max(...answers.values())
const sum = (numbers: Iterable<number>): number => [...numbers].reduce((a, b) => a + b, 0)

describe('what can be known without looking, or without reading', () => {
  const few: Concepts = { modalities: ['ct', 'ultrasound', 'mr'], organs: ['head', 'chest'], findings: ['mass', 'effusion', 'cyst'] }
  const concepts: [string, Concepts][] = [
    ['all concepts', { modalities, organs, findings }],
    ['few concepts', few],
  ]

  it.each(concepts)('asks each yes/no question with as many yes as no: %s', (_, chosen) => {
    const byText = new Map<string, Map<string, number>>()
    for (const { scene, share } of scenesOf(chosen))
      for (const { text, answer, answerType, weight } of questionsAbout(scene, chosen)) if (answerType === 'closed') tally(byText, text, answer, share * weight)
    for (const [text, answers] of byText) expect(answers.get('yes')! / sum(answers.values()), text).toBeCloseTo(0.5, 9)
  })

  it.each(concepts)('gives every scene questions of total weight 1: %s', (_, chosen) => {
    expect(sum(scenesOf(chosen).map(({ share }) => share))).toBeCloseTo(1, 9)
    for (const { scene } of scenesOf(chosen)) expect(sum(questionsAbout(scene, chosen).map(({ weight }) => weight))).toBeCloseTo(1, 9)
  })

  it('leaves 38.1 % to the best guess from the question alone, and 25.3 % from the image alone', () => {
    const [, chosen] = concepts[0]
    const byText = new Map<string, Map<string, number>>()
    let image = 0
    for (const { scene, share } of scenesOf(chosen)) {
      const byAnswer = new Map<string, Map<string, number>>()
      for (const { text, answer, weight } of questionsAbout(scene, chosen)) {
        tally(byText, text, answer, share * weight)
        tally(byAnswer, '', answer, share * weight)
      }
      image += best(byAnswer.get('')!)
    }
    expect(sum([...byText.values()].map(best))).toBeCloseTo(0.381, 3)
    expect(image).toBeCloseTo(0.253, 3)
  })

  it('leaves nothing open to whoever sees the scene and reads the question', () => {
    const [, chosen] = concepts[0]
    for (const { scene } of scenesOf(chosen)) {
      const questions = questionsAbout(scene, chosen)
      expect(new Set(questions.map(({ text }) => text)).size).toBe(questions.length)
    }
  })

  it('shows the same in what is generated: the best guesses of train, scored on test', () => {
    const data = open({ kind: 'questions', samples: { train: 6000, val: 0, test: 3000 }, questionsPerImage: 1 })
    const accuracy = (keyOf: (sample: Sample) => string): number => {
      const counts = new Map<string, Map<string, number>>()
      for (const sample of data.samples('train')) tally(counts, keyOf(sample), sample.answers![0], 1)
      const guess = (sample: Sample) => [...(counts.get(keyOf(sample)) ?? [])].reduce((a, b) => (b[1] > a[1] ? b : a), ['', 0])[0]
      const test = data.samples('test')
      return test.filter((sample) => guess(sample) === sample.answers![0]).length / test.length
    }
    const sceneOf = ({ fields }: Sample) => ['modality', 'organ', 'finding', 'side', 'size'].map((name) => fields![name]).join()
    expect(accuracy(({ text }) => text)).toBeLessThan(0.45)
    // Whoever sees the scene exactly, but not the question.
    expect(accuracy(sceneOf)).toBeLessThan(0.35)
  })
})

describe('synthetic', () => {
  it('is the same for the same seed, and another for another', () => {
    const [a, b, c] = [0, 0, 1].map((seed) => open({ kind: 'questions', seed, samples }).samples('train'))
    const facts = (of: readonly Sample[]) => of.map((sample) => [sample.id, sample.text, sample.answers, hashOf(sample)])
    expect(facts(a)).toEqual(facts(b))
    expect(facts(a)).not.toEqual(facts(c))
    // Asking for more does not change what was there.
    const more = open({ kind: 'questions', samples: { ...samples, train: 200 } }).samples('train')
    expect(facts(more).slice(0, samples.train)).toEqual(facts(a))
  })

  it('has no image in two splits, nor in captions and in questions', () => {
    const questions = all(open({ kind: 'questions', samples }))
    const captions = all(open({ kind: 'captions', samples }))
    const byImage = new Map([...questions, ...captions].map((sample) => [sample.imageId, hashOf(sample)]))
    expect(new Set(byImage.values()).size).toBe(byImage.size)
    expect(byImage.size).toBe(180 + 180 / 2)
    const ids = [...questions, ...captions].map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('says that it is invented, and has the splits it was asked for', () => {
    const data = open({ kind: 'captions', samples: { train: 5, val: 0, test: 3 } })
    expect(data).toMatchObject({ name: 'synthetic-captions', synthetic: true, splits: ['train', 'test'] })
    expect(() => data.samples('val')).toThrow(expect.objectContaining({ code: 'SPLIT_UNKNOWN' }))
    expect(open({ kind: 'captions', name: 'mine' }).name).toBe('mine')
  })

  it('writes captions that name everything that is in the image', () => {
    const captions = open({ kind: 'captions', samples: { train: 300, val: 0, test: 0 } }).samples('train')
    for (const { text, fields } of captions) {
      const { modality, organ, ...lesion } = fields!
      const named = lesion.finding === 'none' ? [modality, organ] : [modality, organ, ...Object.values(lesion)]
      for (const word of named) expect(text.split(' ')).toContain(word)
      expect(text.split(' ').length).toBeGreaterThanOrEqual(3)
    }
    expect(new Set(captions.map(({ text }) => text.split(' ')[0])).size).toBeGreaterThan(6)
  })

  it('asks each image different questions, with answers of the scene', () => {
    const questions = open({ kind: 'questions', questionsPerImage: 8, samples }).samples('train')
    for (let i = 0; i + 8 <= questions.length; i += 8) {
      const group = questions.slice(i, i + 8)
      expect(new Set(group.map(({ imageId }) => imageId)).size).toBe(1)
      expect(new Set(group.map(({ text }) => text)).size).toBe(8)
    }
    for (const { answers, answerType, fields } of questions) {
      expect(answerType === 'closed').toBe(['yes', 'no'].includes(answers![0]))
      if (answerType === 'open') expect([fields![fields!.questionType], 'no finding']).toContain(answers![0])
    }
  })

  it('keeps to the concepts it was given', () => {
    const chosen = { modalities: ['ct', 'mr'], organs: ['head', 'chest'], findings: ['mass', 'cyst'] } as const
    const data = open({ kind: 'questions', modalities: [...chosen.modalities], organs: [...chosen.organs], findings: [...chosen.findings], samples })
    const words = new Set(all(data).flatMap(({ text }) => text.split(' ')))
    for (const word of ['radiograph', 'ultrasound', 'pelvis', 'effusion']) expect(words.has(word)).toBe(false)
    for (const word of ['ct', 'mr', 'head', 'chest', 'mass', 'cyst']) expect(words.has(word)).toBe(true)
  })

  it('paints grey images of any size that differ where a lesion is', () => {
    for (const size of [16, 32, 64]) {
      const [sample] = open({ kind: 'captions', size, samples }).samples('train')
      const { data, ...rest } = pixelsOf(sample)
      expect(rest).toEqual({ width: size, height: size, channels: 1 })
      expect(data).toHaveLength(size * size)
      expect(new Set(data).size).toBeGreaterThan(20)
    }
  })
})
