import { join, parse } from 'node:path'
import type { Sample } from '@unidiag/core/contracts/dataset'
import { z } from 'zod'
import { answer, answerType, imageName, known, rowId, text } from './cells.js'
import { find } from './find.js'
import { readJsonRows } from './read-json-rows.js'
import { type Release, ReleaseBuilder } from './release.js'

/** `mevf`: the questions and frames of the literature, in two files. `public`: the file of the official release, split by `phrase_type`. */
export type VqaRadSource = 'mevf' | 'public'

/** Misspellings of the release. */
const TYPES: Readonly<Record<string, string>> = { PRSE: 'PRES', ATRIB: 'ATTRIB' }

/** One or more question types, e.g. `POS, PRES` */
const questionType = z.string().transform((value) =>
  value
    .split(',')
    .map((type) => type.trim().toUpperCase())
    .map((type) => TYPES[type] ?? type)
    .join(', '),
)

const row = z.object({
  qid: rowId,
  image_name: imageName,
  question: text,
  answer,
  answer_type: answerType,
  image_organ: z.string().nullish(),
  question_type: questionType.nullish(),
  phrase_type: z.string(),
})

const files = { public: 'VQA_RAD Dataset Public.json', train: 'trainset.json', val: 'valset.json', test: 'testset.json' }
const imageFolders = ['VQA_RAD Image Folder', 'images', 'data_RAD/images']

/**
 * Reads the release as downloaded: everything below one folder, or the two or three files of the MEVF split beside a folder `images`.
 * @param val whether to read `valset.json`, which is no part of the release: never, when it is there, or always
 */
export async function readVqaRad(dir: string, source: VqaRadSource, val: 'never' | 'if-there' | 'always' = 'never'): Promise<Release> {
  const release = new ReleaseBuilder()
  const { faults } = release
  const images = await find(dir, imageFolders, faults)
  if (images) release.imageFolders.push(images)
  const toSample = (cells: z.output<typeof row>): Sample => ({
    id: `vqa-rad/${source}/${cells.qid}`,
    imageId: parse(cells.image_name).name,
    image: { file: join(images ?? dir, cells.image_name) },
    text: cells.question,
    answers: [cells.answer],
    answerType: cells.answer_type,
    fields: known({ organ: cells.image_organ, questionType: cells.question_type, phraseType: cells.phrase_type }),
  })
  if (source === 'public') {
    const file = await find(dir, [files.public], faults)
    if (file) {
      const rows = await readJsonRows(file, row, faults)
      const inTest = ({ phrase_type }: z.output<typeof row>): boolean => phrase_type.startsWith('test')
      release.add('train', file, rows.filter((cells) => !inTest(cells)).map(toSample))
      release.add('test', file, rows.filter(inTest).map(toSample))
    }
  } else {
    for (const split of ['train', 'val', 'test'] as const) {
      if (split === 'val' && val === 'never') continue
      const file = await find(dir, [`data_RAD/${files[split]}`, files[split]], split === 'val' && val === 'if-there' ? [] : faults)
      if (file) release.add(split, file, (await readJsonRows(file, row, faults)).map(toSample))
    }
  }
  return release.build(source)
}
