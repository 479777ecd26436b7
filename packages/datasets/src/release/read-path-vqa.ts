import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Sample } from '@unidiag/core/contracts/dataset'
import { z } from 'zod'
import { answer, imageName, text } from './cells.js'
import type { Fault } from './fault.js'
import { find } from './find.js'
import { fitRows, type PlacedRow } from './placed-row.js'
import { readPlainPickle } from './plain-pickle.js'
import { type Release, ReleaseBuilder } from './release.js'

const row = z.object({ image: imageName, question: text, answer })
const SPLITS = ['train', 'val', 'test']

async function readPickledRows(file: string, faults: Fault[]): Promise<PlacedRow[]> {
  const malformed = (reason: string): PlacedRow[] => {
    faults.push({ code: 'DATA_MALFORMED', file, reason })
    return []
  }
  try {
    const bytes = await readFile(file)
    if (bytes.length === 0) return malformed('the file is empty')
    const rows = readPlainPickle(bytes)
    if (!Array.isArray(rows)) return malformed('expected a list of rows')
    return rows.map((cells, i) => ({ at: `row ${i + 1}`, cells: cells instanceof Map ? Object.fromEntries(cells) : {} }))
  } catch (error) {
    return malformed((error as Error).message)
  }
}

/** Reads the folders `qas/` and `images/` of the release; a question answered by yes or no is closed, others are open. */
export async function readPathVqa(dir: string): Promise<Release> {
  const release = new ReleaseBuilder()
  const { faults } = release
  for (const split of SPLITS) {
    const images = await find(dir, [`images/${split}`, `pvqa/images/${split}`], faults)
    if (images) release.imageFolders.push(images)
    const file = await find(dir, [`qas/${split}/${split}_qa.pkl`, `pvqa/qas/${split}/${split}_qa.pkl`], faults)
    if (!file) continue
    const toSample = (cells: z.output<typeof row>, i: number): Sample => ({
      id: `path-vqa/${split}/${i}`,
      imageId: cells.image,
      image: { file: join(images ?? dir, `${cells.image}.jpg`) },
      text: cells.question,
      answers: [cells.answer],
      answerType: /^(yes|no)$/i.test(cells.answer.trim()) ? 'closed' : 'open',
    })
    release.add(split, file, fitRows(row, await readPickledRows(file, faults), file, faults).map(toSample))
  }
  return release.build('pickle')
}
