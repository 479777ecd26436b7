import { join } from 'node:path'
import type { Sample } from '@unidiag/core/contracts/dataset'
import { imageName, text } from './cells.js'
import type { Fault } from './fault.js'
import { find } from './find.js'
import { readText } from './read-text.js'
import { type Release, ReleaseBuilder } from './release.js'

export const categories = { C1: 'Modality', C2: 'Plane', C3: 'Organ', C4: 'Abnormality' } as const
export type Category = keyof typeof categories

interface Line {
  readonly category: Category
  readonly image: string
  readonly question: string
  readonly answers: readonly string[]
}

/** Training and validation name the category by file: `image|question|answer`. */
const trees = {
  train: { root: 'ImageClef-2019-VQA-Med-Training', suffix: 'train', images: 'Train_images' },
  val: { root: 'ImageClef-2019-VQA-Med-Validation', suffix: 'val', images: 'Val_images' },
}
/** The test references name it by line, `image|category|question|answer`, and join alternative answers by `#`. */
const test = { root: 'VQAMed2019Test', file: 'VQAMed2019_Test_Questions_w_Ref_Answers.txt', images: 'VQAMed2019_Test_Images' }

const categoryOf = (name: string): Category | undefined =>
  (Object.keys(categories) as Category[]).find((key) => categories[key].toLowerCase() === name.trim().toLowerCase())

/** Lines of fields joined by `|`, an image first (and a category second, when there are 4 fields). Other lines are faults. */
async function readFields(file: string, count: 3 | 4, faults: Fault[]): Promise<string[][]> {
  const content = await readText(file, faults)
  const rows: string[][] = []
  for (const [index, line] of (content ?? '').split(/\r?\n/).entries()) {
    if (line.trim() === '') continue
    const fields = line.split('|')
    const malformed = (reason: string): number => faults.push({ code: 'DATA_MALFORMED', file, at: `${index + 1}:1`, reason })
    if (fields.length !== count) malformed(`expected ${count} fields joined by "|", found ${fields.length}`)
    else if (!imageName.safeParse(fields[0]).success) malformed('the image is not a path below the image folder')
    else if (count === 4 && !categoryOf(fields[1])) malformed(`the category is none of ${Object.values(categories).join(', ')}`)
    else rows.push(fields)
  }
  return rows
}

function toSamples(lines: readonly Line[], split: string, images: string): Sample[] {
  const seen = new Map<string, number>()
  return lines.map(({ category, image, question, answers }) => {
    const place = `vqa-med-2019/${split}/${category}/${image}`
    const count = (seen.get(place) ?? 0) + 1
    seen.set(place, count)
    return {
      id: count === 1 ? place : `${place}/${count}`,
      imageId: image,
      image: { file: join(images, `${image}.jpg`) },
      text: text.parse(question),
      answers,
      // The release does not tell open from closed; the literature counts all as open.
      answerType: 'open',
      fields: { category: categories[category].toLowerCase() },
    }
  })
}

/** Reads the three folders of the release as downloaded. */
export async function readVqaMed2019(dir: string, wanted: readonly Category[]): Promise<Release> {
  const release = new ReleaseBuilder()
  const { faults } = release
  for (const [split, { root, suffix, images }] of Object.entries(trees)) {
    const lines: Line[] = []
    const folder = await find(dir, [`${root}/${images}`], faults)
    if (folder) release.imageFolders.push(folder)
    for (const category of wanted) {
      const file = await find(dir, [`${root}/QAPairsByCategory/${category}_${categories[category]}_${suffix}.txt`], faults)
      const rows = file ? await readFields(file, 3, faults) : []
      lines.push(...rows.map(([image, question, answer]) => ({ category, image, question, answers: [answer] })))
    }
    release.add(split, root, toSamples(lines, split, folder ?? dir))
  }
  const folder = await find(dir, [`${test.root}/${test.images}`], faults)
  if (folder) release.imageFolders.push(folder)
  const file = await find(dir, [`${test.root}/${test.file}`], faults)
  const lines: Line[] = []
  for (const [image, name, question, answer] of file ? await readFields(file, 4, faults) : []) {
    const category = categoryOf(name)!
    if (wanted.includes(category)) lines.push({ category, image, question, answers: answer.split('#').map((one) => one.trim()) })
  }
  release.add('test', file ?? dir, toSamples(lines, 'test', folder ?? dir))
  return release.build(wanted.join('+'))
}
