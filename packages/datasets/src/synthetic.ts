import { Dataset, type ImageSource, type Sample } from '@unidiag/core/contracts/dataset'
import { UniDiagError } from '@unidiag/core/errors'
import { definePlugin } from '@unidiag/core/plugin'
import { Random } from '@unidiag/core/random'
import { z } from 'zod'
import { caption } from './phantom/captions.js'
import { paint } from './phantom/paint.js'
import { drawQuestions } from './phantom/questions.js'
import { drawScene, fieldsOf, findings, modalities, organs, type Scene } from './phantom/scene.js'

const options = z.strictObject({
  kind: z.enum(['captions', 'questions']),
  name: z.string().optional(),
  seed: z.int().default(0),
  size: z.int().min(16).default(32),
  noise: z.number().nonnegative().default(0.04),
  samples: z
    .strictObject({ train: z.int().positive().default(1024), val: z.int().nonnegative().default(128), test: z.int().nonnegative().default(256) })
    .default({ train: 1024, val: 128, test: 256 }),
  questionsPerImage: z.int().positive().max(16).default(2),
  modalities: z
    .array(z.enum(modalities))
    .min(2)
    .default([...modalities]),
  organs: z
    .array(z.enum(organs))
    .min(2)
    .default([...organs]),
  findings: z
    .array(z.enum(findings))
    .min(2)
    .default([...findings]),
})

/** The images of one split: what each shows, and its pixels when they are asked for. */
function imagesOf(chosen: z.output<typeof options>, split: string): (index: number) => { scene: Scene; image: ImageSource } {
  const { kind, seed, size, noise } = chosen
  const random = new Random(seed)
  return (index) => {
    const scene = drawScene(chosen, random.rng('synthetic', kind, split, index, 'scene'))
    const pixels = () => ({
      data: paint(scene, size, noise, random.rng('synthetic', kind, split, index, 'pixels')),
      width: size,
      height: size,
      channels: 1 as const,
    })
    return { scene, image: { pixels } }
  }
}

function makeSplit(name: string, split: string, count: number, chosen: z.output<typeof options>): Sample[] {
  const { kind, seed, questionsPerImage } = chosen
  const at = imagesOf(chosen, split)
  const samples: Sample[] = []
  for (let index = 0; samples.length < count; index++) {
    const { scene, image } = at(index)
    const imageId = `${name}/${split}/${index}`
    const rng = new Random(seed).rng('synthetic', kind, split, index, 'text')
    if (kind === 'captions') samples.push({ id: imageId, imageId, image, text: caption(scene, rng), fields: fieldsOf(scene) })
    else {
      for (const [i, { text, answer, answerType, type }] of drawQuestions(scene, chosen, questionsPerImage, rng).entries()) {
        samples.push({ id: `${imageId}/${i}`, imageId, image, text, answers: [answer], answerType, fields: { ...fieldsOf(scene), questionType: type } })
      }
    }
  }
  return samples.slice(0, count)
}

/**
 * Invented data: phantoms that look a little like radiology, with captions or with questions. Everything follows from `seed`; nothing is read.
 *
 * - `kind`: `captions` (one an image, every attribute in it) or `questions` (open and yes/no, with answers)
 * - `name`: `synthetic-captions` or `synthetic-questions` when left out
 * - `size`: side of the images in pixels
 * - `samples`: captions or questions a split
 * - `questionsPerImage`: different questions asked about each image
 * - `modalities`, `organs`, `findings`: what occurs; fewer are learnt sooner
 * - `noise`: standard deviation of the noise, 1 = white
 *
 * No image is in two splits, nor both in captions and in questions.
 */
export const synthetic = definePlugin({
  name: '@unidiag/datasets/synthetic',
  provides: Dataset,
  options,
  setup({ options: chosen }): Dataset {
    const name = chosen.name ?? `synthetic-${chosen.kind}`
    const made = new Map<string, Sample[]>()
    const sizes = Object.entries(chosen.samples).filter(([, count]) => count > 0)
    return {
      name,
      synthetic: true,
      splits: sizes.map(([split]) => split),
      samples(split) {
        const count = sizes.find(([other]) => other === split)?.[1]
        if (count === undefined) throw new UniDiagError('SPLIT_UNKNOWN', `${name} has no split "${split}"; it has: ${sizes.map(([other]) => other).join(', ')}`)
        const samples = made.get(split) ?? makeSplit(name, split, count, chosen)
        made.set(split, samples)
        return samples
      },
    }
  },
})
