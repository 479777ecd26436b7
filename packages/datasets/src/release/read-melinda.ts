import { join } from 'node:path'
import { z } from 'zod'
import { imageName, known, text } from './cells.js'
import { find } from './find.js'
import { type Found, groupByImage } from './group-by-image.js'
import { fitRows } from './placed-row.js'
import { readCsv } from './read-csv.js'
import { type Release, ReleaseBuilder } from './release.js'

/** The label columns, fine to coarse; tasks name them as the release does. */
const labels = ['i_meth', 'p_meth', 'i_meth_label', 'p_meth_label'] as const
const row = z.object({
  figure_file: imageName,
  caption: text,
  i_meth: z.string(),
  p_meth: z.string(),
  i_meth_label: z.string(),
  p_meth_label: z.string(),
})
const files = { train: ['train.csv'], val: ['dev.csv', 'val.csv'], test: ['test.csv'] }

/** Reads `{train,dev,test}.csv` and `melinda_images/`. */
export async function readMelinda(dir: string): Promise<Release> {
  const release = new ReleaseBuilder()
  const { faults } = release
  const images = await find(dir, ['melinda_images', 'images'], faults)
  if (images) release.imageFolders.push(images)
  const found: Found[] = []
  const read: string[] = []
  for (const [split, names] of Object.entries(files)) {
    const file = await find(dir, names, faults)
    if (!file) continue
    read.push(split)
    for (const cells of fitRows(row, await readCsv(file, ['figure_file', 'caption', ...labels], faults), file, faults)) {
      const { figure_file: name, caption, ...rest } = cells
      found.push({ split, sample: { imageId: name, image: { file: join(images ?? dir, name) }, text: caption, fields: known(rest) } })
    }
  }
  const splits = groupByImage('melinda', found)
  for (const split of read) release.add(split, dir, splits.get(split) ?? [])
  return release.build('captions')
}
