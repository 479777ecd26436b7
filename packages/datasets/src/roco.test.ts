import { createHash } from 'node:crypto'
import { appendFile, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dataset } from '@unidiag/core/contracts/dataset'
import { describe, expect, it } from 'vitest'
import type { z } from 'zod'
import { temporaryFolder } from './release/broken-copy.fixture.js'
import { makeRelease } from './release/make-release.fixture.js'
import { roco } from './roco.js'
import { verifyDataset } from './verify.js'

const open = async (options: z.input<typeof roco.definition.options>): Promise<Dataset> =>
  roco.definition.setup({ needs: {}, options: roco.definition.options.parse(options) })

const parts = {
  train: { folder: 'train', first: 1, count: 12 },
  val: { folder: 'validation', first: 101, count: 9 },
  test: { folder: 'test', first: 201, count: 7 },
}
const idOf = (number: number) => `ROCO_${String(number).padStart(5, '0')}`

/** Every fourth caption has two words; train has a blank line between captions, and all files end in two line ends. */
function captions(split: keyof typeof parts): string {
  const { first, count } = parts[split]
  const lines = Array.from({ length: count }, (_, i) => `${idOf(first + i)}\t ${i % 4 === 3 ? 'CT scan' : ` Axial CT  of ${split} ${i}.`}`)
  if (split === 'train') lines.splice(5, 0, '')
  return `${lines.join('\n')}\n\n`
}

/** The release as its own script leaves it, with references as MedICaT has them. */
function release(): Promise<string> {
  const files: Record<string, string | number> = {}
  for (const [split, { folder, first, count }] of Object.entries(parts)) {
    const numbers = Array.from({ length: count }, (_, i) => first + i)
    const below = `${folder}/radiology`
    files[`${below}/captions.txt`] = captions(split as keyof typeof parts)
    files[`${below}/dlinks.txt`] = numbers
      .map((n) => `${idOf(n)}\twget -r ftp://ftp.ncbi.nlm.nih.gov/pub/pmc/oa_package/00/00/PMC${n}.tar.gz -O PMC${n}.tar.gz\tg${n}.jpg\n`)
      .join('')
    files[`${below}/licences.txt`] = `ROCO_ID,PMC_ID,CC\n${numbers.map((n) => `${idOf(n)},PMC${n},${n % 2 ? 'CC BY' : 'CC BY-NC'}\n`).join('')}`
    for (const n of numbers) files[`${below}/images/${idOf(n)}.jpg`] = n
    files[`references/roco_${split}_references.jsonl`] =
      `${JSON.stringify({ roco_image_id: `PMC${first}_g${first}.jpg`, gorc_references: ['Figure 1 shows it.', 'see 1'] })}\n${JSON.stringify({ roco_image_id: `PMC${first + 1}_g${first + 1}.jpg`, gorc_references: null })}\n`
  }
  return makeRelease(files)
}
/** The reference's steps in CPython 3.11 on the same three files. */
const RETRIEVAL = [
  ['007', '006', '003', '009', '011', '005', '001', '002', '010'],
  ['105', '103', '107', '106'],
  ['203', '202', '201', '205'],
]
const numbersOf = (data: Dataset, split: string) => data.samples(split).map(({ imageId }) => imageId.slice(-3))

describe('roco', () => {
  it('reads captions of three words and more, with figure and licence', async () => {
    const data = await open({ dir: await release() })
    expect(data.splits).toEqual(['train', 'val', 'test'])
    expect(data.splits.map((split) => data.samples(split).length)).toEqual([9, 7, 6])
    expect(data.samples('val')[0]).toMatchObject({
      id: 'roco/ROCO_00101/0',
      text: 'Axial CT of val 0.',
      fields: { figure: 'PMC101_g101.jpg', licence: 'CC BY', article: 'PMC101' },
    })
  })

  it('puts references before captions', async () => {
    const dir = await release()
    const data = await open({ dir, references: join(dir, 'references') })
    expect(data.samples('test').slice(0, 3)).toMatchObject([
      { id: 'roco/ROCO_00201/0', text: 'Figure 1 shows it.' },
      { id: 'roco/ROCO_00201/1', text: 'Axial CT of test 0.' },
      { id: 'roco/ROCO_00202/0' },
    ])
  })

  it('shuffles and cuts the retrieval view as Python does', async () => {
    const data = await open({ dir: await release(), view: 'retrieval', heldOut: 4 })
    expect(data.splits.map((split) => numbersOf(data, split))).toEqual(RETRIEVAL)
  })

  it('cuts validation and test after 2,000 items, as the reference does', async () => {
    const lines = (first: number, count: number) =>
      Array.from({ length: count }, (_, i) => `${idOf(first + i)}\t ${i % 11 === 7 ? 'Axial CT' : `Axial CT number ${i}.`}\n`).join('')
    const dir = await makeRelease({
      'train/radiology/captions.txt': lines(1, 3000),
      'validation/radiology/captions.txt': lines(10001, 2600),
      'test/radiology/captions.txt': lines(20001, 2500),
      ...Object.fromEntries(Object.values(parts).map(({ folder }) => [`${folder}/radiology/images/x.jpg`, 1])),
    })
    const data = await open({ dir, view: 'retrieval', missing: 'keep' })
    const ids = data.splits.map((split) => data.samples(split).map(({ imageId }) => imageId))
    // The reference's steps in CPython 3.11 with random.seed(42): the first items, and sha256 of all joined by commas.
    expect(ids.map((all) => [all.length, all[0], all.at(-1), createHash('sha256').update(all.join()).digest('hex').slice(0, 16)])).toEqual([
      [2727, 'ROCO_02650', 'ROCO_02620', '8e238abffc91f235'],
      [2000, 'ROCO_10089', 'ROCO_11237', '75577dbfc64f7e1a'],
      [2000, 'ROCO_20496', 'ROCO_21078', '84fe2da51660cfda'],
    ])
  })

  it('cuts before it drops missing images, or keeps them', async () => {
    const dir = await release()
    await rm(join(dir, `test/radiology/images/ROCO_00${RETRIEVAL[2][0]}.jpg`))
    const cut = await open({ dir, view: 'retrieval', heldOut: 4 })
    expect(numbersOf(cut, 'test')).toEqual(RETRIEVAL[2].slice(1))
    const kept = await open({ dir, view: 'retrieval', heldOut: 4, missing: 'keep' })
    expect(numbersOf(kept, 'test')).toEqual(RETRIEVAL[2])
  })

  it('verifies: counts missing images, licences', async () => {
    const dir = await release()
    await rm(join(dir, 'train/radiology/images/ROCO_00001.jpg'))
    await truncate(join(dir, 'train/radiology/images/ROCO_00002.jpg'), 300)
    const report = await verifyDataset('roco', dir)
    expect(report.problems).toEqual([
      { kind: 'missing-image', file: 'train/radiology/images/ROCO_00001.jpg', reason: 'the file does not exist' },
      { kind: 'broken-image', file: 'train/radiology/images/ROCO_00002.jpg', reason: expect.anything() },
    ])
    expect(report.images).toMatchObject({ referenced: 22, missing: 1, decoded: 20 })
    expect(report.notes).toContain('1 of 22 images are missing')
    expect(report.notes).toContain('pretrain: licences of test: CC BY 4, CC BY-NC 2')
    expect(report.variants[0].splits[0]).toMatchObject({ questions: 9, open: 0, closed: 0, unseenAnswers: 0 })
  })

  it('leaves out lines without a caption, or with more than one', async () => {
    const dir = await release()
    await appendFile(join(dir, 'test/radiology/captions.txt'), 'ROCO_00301\t \nROCO_00302\tone two three\tfour five six\n')
    expect((await open({ dir })).samples('test')).toHaveLength(6)
    expect((await verifyDataset('roco', dir)).variants[0].leftOut).toEqual(['roco/ROCO_00301', 'roco/ROCO_00302'])
  })

  it('ignores a byte order mark and carriage returns', async () => {
    const dir = await release()
    const file = join(dir, 'train/radiology/captions.txt')
    const before = (await open({ dir })).samples('train')
    await writeFile(file, `\ufeff${(await readFile(file, 'utf8')).replaceAll('\n', '\r\n')}`)
    expect((await open({ dir })).samples('train')).toEqual(before)
  })

  it.each([
    ['captions.txt', () => '', /captions\.txt:1:1: the file is empty/],
    ['captions.txt', (text: string) => text.replace('ROCO_00002', '00002'), /captions\.txt:2:1: expected an id like ROCO_00001/],
    ['dlinks.txt', (text: string) => text.replace('\tg3.jpg', ''), /dlinks\.txt:3:1: expected an id, a download command/],
    ['licences.txt', (text: string) => text.replace('PMC_ID', 'PMCID'), /licences\.txt:1:1: the header lacks "PMC_ID"/],
    ['licences.txt', (text: string) => text.replace(',CC BY-NC', ''), /licences\.txt:3:1: expected 3 cells, found 2/],
  ])('says where %s is malformed', async (name, damage, message) => {
    const dir = await release()
    const file = join(dir, 'train/radiology', name)
    await writeFile(file, damage(await readFile(file, 'utf8')))
    await expect(open({ dir })).rejects.toMatchObject({ code: 'DATA_MALFORMED', message: expect.stringMatching(message) })
  })

  it('says where references are malformed', async () => {
    const dir = await release()
    const references = join(dir, 'references')
    const file = join(references, 'roco_val_references.jsonl')
    const text = await readFile(file, 'utf8')
    await writeFile(file, text.slice(0, -5))
    await expect(open({ dir, references })).rejects.toMatchObject({ message: expect.stringMatching(/jsonl:2:\d+: not valid JSON/) })
    await writeFile(file, text.replace('PMC101', 'PMC7'))
    await expect(open({ dir, references })).rejects.toMatchObject({ message: expect.stringMatching(/jsonl:1:1: "roco_image_id": in no dlinks/) })
  })

  it('says what is missing', async () => {
    const dir = await temporaryFolder()
    await expect(open({ dir })).rejects.toMatchObject({ code: 'DATA_MISSING', message: expect.stringContaining('"validation/radiology/captions.txt"') })
    expect((await verifyDataset('roco', dir)).problems.map(({ kind }) => kind)).not.toContain('malformed')
  })
})
