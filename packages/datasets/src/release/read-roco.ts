import { join } from 'node:path'
import type { Sample } from '@unidiag/core/contracts/dataset'
import { z } from 'zod'
import { captionsOf } from './caption.js'
import { known } from './cells.js'
import type { Fault } from './fault.js'
import { find } from './find.js'
import { type Found, groupByImage } from './group-by-image.js'
import { fitRow } from './placed-row.js'
import { PythonRandom } from './python-random.js'
import { readCsv } from './read-csv.js'
import { readJsonLines } from './read-json-lines.js'
import { readLines } from './read-lines.js'
import { type Release, ReleaseBuilder } from './release.js'

/** `pretrain`: every caption (and reference) of every split. `retrieval`: one caption an image, shuffled, validation and test cut. */
export type RocoView = 'pretrain' | 'retrieval'

export interface RocoOptions {
  readonly view: RocoView
  /** Folder with `roco_{train,val,test}_references.jsonl`, which is part of MedICaT. */
  readonly references?: string
  /** Seed of the order of the retrieval view. */
  readonly seed: number
  /** Items of validation and test in the retrieval view. */
  readonly heldOut: number
}

const folders = { train: ['train'], val: ['validation', 'val'], test: ['test'] }
const ROOTS = ['', 'data/', 'all_data/']
const rocoId = /^ROCO_\d+$/
const referenceRow = z.object({ roco_image_id: z.string(), gorc_references: z.array(z.string()).nullish() })

interface Captions {
  /** Rows in file order; `undefined` is a line without a caption. */
  readonly rows: readonly ({ readonly id: string; readonly caption: string } | undefined)[]
  readonly empty: readonly string[]
}

/** `id <tab> caption` lines. As in the reference, a line without caption, or with more tabs, is left out. */
async function readCaptions(file: string, faults: Fault[]): Promise<Captions> {
  const rows: ({ id: string; caption: string } | undefined)[] = []
  const empty: string[] = []
  let blank = 0
  for await (const { number, text } of readLines(file, faults)) {
    const [id, caption, ...more] = text.trim().split('\t')
    if (id === '') {
      blank++
      continue
    }
    // Blank lines at the ends are no items of the shuffle, those in between are.
    if (rows.length > 0) for (; blank > 0; blank--) rows.push(undefined)
    blank = 0
    const said = caption !== undefined && more.length === 0
    if (!rocoId.test(id)) faults.push({ code: 'DATA_MALFORMED', file, at: `${number}:1`, reason: 'expected an id like ROCO_00001, a tab and a caption' })
    else if (!said) empty.push(`roco/${id}`)
    rows.push(said && rocoId.test(id) ? { id, caption } : undefined)
  }
  return { rows, empty }
}

/** The key under which MedICaT knows a figure, `<PMC id>_<file>`, by ROCO id. */
async function readLinks(file: string, faults: Fault[]): Promise<Map<string, string>> {
  const figures = new Map<string, string>()
  for await (const { number, text } of readLines(file, faults)) {
    const fields = text.trim().split('\t')
    if (fields[0] === '') continue
    const archive = fields[1]?.split(' ')[2]?.split('/').at(-1)?.split('.')[0]
    if (fields.length >= 3 && archive && rocoId.test(fields[0])) figures.set(fields[0], `${archive}_${fields.at(-1)}`)
    else faults.push({ code: 'DATA_MALFORMED', file, at: `${number}:1`, reason: 'expected an id, a download command and a file name, joined by tabs' })
  }
  return figures
}

/** Reads the radiology part of the release, with images as its own script lays them out: `<split>/radiology/images/ROCO_00001.jpg`. */
export async function readRoco(dir: string, { view, references, seed, heldOut }: RocoOptions): Promise<Release> {
  const release = new ReleaseBuilder()
  const { faults } = release
  const random = new PythonRandom(seed)
  const figures = new Map<string, string>()
  const fields = new Map<string, Record<string, string>>()
  const captions: Found[] = []
  const folderOf = new Map<string, string>()
  const sampleOf = (split: string, id: string, caption: string): Found => {
    const sample: Omit<Sample, 'id'> = {
      imageId: id,
      image: { file: join(folderOf.get(split) ?? dir, `${id}.jpg`) },
      text: caption,
      fields: fields.get(id) ?? {},
    }
    return { split, sample }
  }
  for (const [split, names] of Object.entries(folders)) {
    const inSplit = (file: string): string[] => ROOTS.flatMap((root) => names.map((name) => `${root}${name}/radiology/${file}`))
    const images = await find(dir, inSplit('images'), faults)
    if (images) {
      release.imageFolders.push(images)
      folderOf.set(split, images)
    }
    const links = await find(dir, inSplit('dlinks.txt'), references === undefined ? [] : faults)
    for (const [id, figure] of links ? await readLinks(links, faults) : []) {
      figures.set(figure, id)
      fields.set(id, { figure })
    }
    const licences = await find(dir, inSplit('licences.txt'), [])
    for (const { cells } of licences ? await readCsv(licences, ['ROCO_ID', 'PMC_ID', 'CC'], faults) : []) {
      const id = String(cells.ROCO_ID).trim()
      fields.set(id, { ...fields.get(id), ...known({ licence: String(cells.CC), article: String(cells.PMC_ID) }) })
    }
    const file = await find(dir, inSplit('captions.txt'), faults)
    if (!file) continue
    const { rows, empty } = await readCaptions(file, faults)
    release.leftOut.push(...empty)
    const ordered = view === 'retrieval' ? random.shuffle([...rows]) : rows
    let left = view === 'retrieval' && split !== 'train' ? heldOut : Number.POSITIVE_INFINITY
    for (const row of ordered) {
      if (!row || left === 0) continue
      for (const caption of captionsOf([row.caption])) {
        captions.push(sampleOf(split, row.id, caption))
        left--
      }
    }
  }
  const cited: Found[] = []
  if (references !== undefined && view === 'pretrain') {
    for (const split of Object.keys(folders)) {
      const file = await find(references, [`roco_${split}_references.jsonl`], faults)
      if (!file) continue
      for await (const row of readJsonLines(file, faults)) {
        const cells = fitRow(referenceRow, row, file, faults)
        if (!cells) continue
        const id = figures.get(cells.roco_image_id)
        if (id === undefined) faults.push({ code: 'DATA_MALFORMED', file, at: row.at, reason: '"roco_image_id": in no dlinks.txt' })
        else for (const text of captionsOf(cells.gorc_references ?? [])) cited.push(sampleOf(split, id, text))
      }
    }
  }
  const splits = groupByImage('roco', [...cited, ...captions])
  for (const split of Object.keys(folders)) if (folderOf.has(split)) release.add(split, dir, splits.get(split) ?? [])
  return release.build(view)
}
