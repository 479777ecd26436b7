import { dirname, join } from 'node:path'
import type { Sample } from '@unidiag/core/contracts/dataset'
import { z } from 'zod'
import { answer, answerType, imageName, known, rowId, text } from './cells.js'
import { find } from './find.js'
import { readJsonRows } from './read-json-rows.js'
import { type Release, ReleaseBuilder } from './release.js'

export type SlakeLanguage = 'en' | 'zh' | 'all'

const row = z.object({
  qid: rowId,
  img_name: imageName,
  question: text,
  answer,
  answer_type: answerType,
  q_lang: z.enum(['en', 'zh']),
  location: z.string().nullish(),
  modality: z.string().nullish(),
  content_type: z.string().nullish(),
  base_type: z.string().nullish(),
})

const files = { train: ['train.json'], val: ['validate.json', 'validation.json'], test: ['test.json'] }
/** The archive unpacks into a folder of this name. */
const ROOTS = ['', 'Slake1.0/']

/** Reads the release as downloaded. Rows of other languages are dropped before anything else is done with a split. */
export async function readSlake(dir: string, language: SlakeLanguage): Promise<Release> {
  const release = new ReleaseBuilder()
  const { faults } = release
  const below = (names: readonly string[]): string[] => ROOTS.flatMap((root) => names.map((name) => root + name))
  const images = await find(dir, below(['imgs']), faults)
  if (images) release.imageFolders.push(images)
  const toSample = (cells: z.output<typeof row>): Sample => ({
    id: `slake/${cells.qid}`,
    imageId: dirname(cells.img_name),
    image: { file: join(images ?? dir, cells.img_name) },
    text: cells.question,
    answers: [cells.answer],
    answerType: cells.answer_type,
    fields: known({
      organ: cells.location,
      modality: cells.modality,
      contentType: cells.content_type,
      baseType: cells.base_type,
      language: cells.q_lang,
    }),
  })
  for (const [split, names] of Object.entries(files)) {
    const file = await find(dir, below(names), faults)
    if (!file) continue
    const rows = await readJsonRows(file, row, faults)
    release.add(split, file, rows.filter(({ q_lang }) => language === 'all' || q_lang === language).map(toSample))
  }
  return release.build(language)
}
