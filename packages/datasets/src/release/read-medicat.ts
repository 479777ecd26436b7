import { join } from 'node:path'
import { z } from 'zod'
import { captionsOf } from './caption.js'
import { imageName, known } from './cells.js'
import { find } from './find.js'
import { type Found, groupByImage } from './group-by-image.js'
import { fitRow } from './placed-row.js'
import { PythonRandom } from './python-random.js'
import { readJsonLines } from './read-json-lines.js'
import { type Release, ReleaseBuilder } from './release.js'

export interface MedicatOptions {
  readonly seed: number
  /** Figures of validation and of test. */
  readonly heldOut: number
}

const FILE = 's2_full_figures_oa_nonroco_combined_medical_top4_public.jsonl'
const SPLITS = ['train', 'val', 'test']

const row = z.object({
  pdf_hash: imageName,
  fig_uri: imageName,
  radiology: z.boolean(),
  s2_caption: z.string().nullish(),
  s2orc_references: z.array(z.string()).nullish(),
  // Of the article, as Unpaywall knows it. Not needed, so any other shape is none.
  oa_info: z
    .object({ oa: z.object({ license: z.string() }) })
    .nullish()
    .catch(null),
})

/** Reads the release as downloaded: radiology figures only, split as the reference does (reference: prepro_pretraining_data.py, prepro_finetuning_data.py). */
export async function readMedicat(dir: string, { seed, heldOut }: MedicatOptions): Promise<Release> {
  const release = new ReleaseBuilder()
  const { faults } = release
  const images = await find(dir, ['release/figures', 'figures'], faults)
  if (images) release.imageFolders.push(images)
  const file = await find(dir, [`release/${FILE}`, FILE], faults)
  if (!file) return release.build('radiology')
  const figures: { readonly name: string; readonly texts: readonly string[]; readonly licence: string | undefined }[] = []
  for await (const placed of readJsonLines(file, faults)) {
    const cells = fitRow(row, placed, file, faults)
    if (!cells?.radiology) continue
    const name = `${cells.pdf_hash}_${cells.fig_uri}`
    const texts = captionsOf([cells.s2_caption, ...(cells.s2orc_references ?? [])])
    if (texts.length === 0) release.leftOut.push(`medicat/${name}`)
    // Figures without a text are items of the shuffle, too.
    figures.push({ name, texts, licence: cells.oa_info?.oa.license })
  }
  const order = new PythonRandom(seed).shuffle(figures.map((_, i) => i))
  const starts = { val: Math.max(0, order.length - 2 * heldOut), test: Math.max(0, order.length - heldOut) }
  const found: Found[] = order.flatMap((index, at) => {
    const split = at >= starts.test ? 'test' : at >= starts.val ? 'val' : 'train'
    const { name, texts, licence } = figures[index]
    return texts.map((text) => ({ split, sample: { imageId: name, image: { file: join(images ?? dir, name) }, text, fields: known({ licence }) } }))
  })
  const splits = groupByImage('medicat', found)
  for (const split of SPLITS) release.add(split, file, splits.get(split) ?? [])
  return release.build('radiology')
}
