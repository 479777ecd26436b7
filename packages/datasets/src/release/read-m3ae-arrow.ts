import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Sample } from '@unidiag/core/contracts/dataset'
import { z } from 'zod'
import { openArrow, type Place } from './arrow/arrow-file.js'
import { known, text } from './cells.js'
import type { Fault } from './fault.js'
import { fitRow } from './placed-row.js'
import { type Release, ReleaseBuilder } from './release.js'
import { scalar } from './take-cells.js'
import { memberImage } from './tar-image.js'

const cellOf = z.custom<Place>((cell) => typeof cell === 'object' && cell !== null && 'offset' in cell && 'size' in cell, 'expected bytes')
const image = { image: cellOf, image_id: z.string().min(1) }

/** Lists of a row that run in parallel must be equally long. */
const parallel =
  (names: readonly string[]) =>
  (row: Readonly<Record<string, unknown>>, context: z.RefinementCtx): void => {
    const lengthOf = (name: string): number => (row[name] as readonly unknown[]).length
    const other = names.find((name) => lengthOf(name) !== lengthOf(names[0]))
    if (other !== undefined)
      context.addIssue({ code: 'custom', path: [other], message: `a list of ${lengthOf(other)}, but "${names[0]}" has ${lengthOf(names[0])}` })
  }

const asked = ['questions', 'answers', 'question_id', 'answer_type'] as const
const labels = ['i_meth', 'p_meth', 'i_meth_label', 'p_meth_label'] as const
const column = z.array(scalar)

/** The tables of the reference (make_arrow.py), a row an image; labels and scores are made again from the answers. */
const questions = z
  .object({ ...image, questions: z.array(text), answers: z.array(z.array(z.string())), question_id: column, answer_type: z.array(z.literal([0, 1])) })
  .superRefine(parallel(asked))
const classes = z
  .object({ ...image, caption: z.array(text), i_meth: column, p_meth: column, i_meth_label: column, p_meth_label: column })
  .superRefine(parallel(['caption', ...labels]))
const captions = z.object({ ...image, caption: z.array(text) })

interface Row {
  readonly image: Place
  readonly image_id: string
  /** What is said of the image, each with the last part of its id where the table has ids. */
  readonly texts: readonly (Pick<Sample, 'text' | 'answers' | 'answerType' | 'fields'> & { readonly key?: string })[]
}

interface Table {
  readonly columns: readonly string[]
  readonly schema: z.ZodType<Row>
}

const tables: Readonly<Record<'questions' | 'classes' | 'captions', Table>> = {
  questions: {
    columns: ['image', 'image_id', ...asked],
    schema: questions.transform(({ questions: said, answers, question_id, answer_type, ...row }) => ({
      ...row,
      texts: said.map((one, i) => ({
        key: question_id[i],
        text: one,
        answers: answers[i],
        answerType: answer_type[i] === 0 ? ('closed' as const) : ('open' as const),
      })),
    })),
  },
  classes: {
    columns: ['image', 'image_id', 'caption', ...labels],
    schema: classes.transform(({ caption, image: bytes, image_id, ...row }) => ({
      image: bytes,
      image_id,
      texts: caption.map((one, i) => ({ text: one, fields: known(Object.fromEntries(labels.map((label) => [label, row[label][i]]))) })),
    })),
  },
  captions: {
    columns: ['image', 'image_id', 'caption'],
    schema: captions.transform(({ caption, ...row }) => ({ ...row, texts: caption.map((one) => ({ text: one })) })),
  },
}

async function readFile(file: string, name: string, split: string, faults: Fault[]): Promise<Sample[]> {
  const samples: Sample[] = []
  const handle = await open(file).catch(() => undefined)
  if (!handle) {
    faults.push({ code: 'DATA_MISSING', file, reason: 'the file cannot be read' })
    return samples
  }
  try {
    const arrow = await openArrow(handle)
    const has = (column: string): boolean => arrow.columns.includes(column)
    const { columns, schema } = tables[has('questions') ? 'questions' : has('i_meth') ? 'classes' : 'captions']
    const missing = columns.filter((column) => !has(column))
    if (missing.length > 0) throw new Error(`the columns lack ${missing.map((column) => `"${column}"`).join(', ')}`)
    let number = 0
    for await (const cells of arrow.rows(columns)) {
      const row = fitRow(schema, { at: `row ${number + 1}`, cells }, file, faults)
      for (const [i, { key = `${number}/${i}`, ...said }] of (row?.texts ?? []).entries())
        samples.push({
          id: `${name}/${split}/${key}`,
          imageId: row!.image_id,
          image: memberImage(file, { name: `row ${number + 1}`, ...row!.image }),
          ...said,
        })
      number++
    }
  } catch (error) {
    const reason = error instanceof RangeError ? 'the file is damaged' : (error as Error).message
    faults.push({ code: 'DATA_MALFORMED', file, reason })
  } finally {
    await handle.close()
  }
  return samples
}

const named = /^(.+)_(train|val|test)\.arrow$/

/** Tables of a folder: `vqa_vqa_rad` of `vqa_vqa_rad_train.arrow`. */
export async function arrowTables(dir: string): Promise<string[]> {
  const files: string[] = await readdir(dir).catch(() => [])
  return [...new Set(files.flatMap((file) => named.exec(file)?.[1] ?? []))].sort()
}

/** Reads the files `<table>_{train,val,test}.arrow` that are there. */
export async function readM3aeArrow(dir: string, table: string, name: string): Promise<Release> {
  const release = new ReleaseBuilder()
  const files: string[] = await readdir(dir).catch(() => [])
  for (const split of ['train', 'val', 'test']) {
    const file = `${table}_${split}.arrow`
    if (files.includes(file)) release.add(split, join(dir, file), await readFile(join(dir, file), name, split, release.faults))
  }
  if (release.splits.size === 0)
    release.faults.push({
      code: 'DATA_MISSING',
      file: dir,
      reason: `looked for "${table}_train.arrow", "${table}_val.arrow", "${table}_test.arrow"; none is there`,
    })
  return release.build(table)
}
