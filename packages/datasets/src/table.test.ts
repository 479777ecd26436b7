import { readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dataset } from '@unidiag/core/contracts/dataset'
import { parquetWriteBuffer } from 'hyparquet-writer'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import type { z } from 'zod'
import { readPicture } from './image/read-picture.js'
import { temporaryFolder } from './release/broken-copy.fixture.js'
import { jpeg, makeRelease } from './release/make-release.fixture.js'
import { table } from './table.js'
import { verifyDataset } from './verify.js'

type Options = z.input<typeof table.definition.options>
const open = async (options: Options): Promise<Dataset> => table.definition.setup({ needs: {}, options: table.definition.options.parse(options) })
const images = { 'images/a.jpg': 1, 'images/b.jpg': 2 }
const csv = 'image,text,answer,site\nimages/a.jpg,"A chest,\nfrontal",,north\nimages/b.jpg,A knee,yes,\n'
const own = () => makeRelease({ 'train.csv': csv, ...images })

const written = (columns: Parameters<typeof parquetWriteBuffer>[0]['columnData']): Uint8Array =>
  new Uint8Array(parquetWriteBuffer({ columnData: columns, rowGroupSize: 2 }))

describe('table', () => {
  it('reads CSV', async () => {
    const dir = await own()
    const data = await open({ dir, columns: { fields: ['site'] } })
    expect(data.splits).toEqual(['train'])
    expect(data.samples('train')).toEqual([
      { id: 'table/train/0', imageId: 'images/a.jpg', image: { file: join(dir, 'images/a.jpg') }, text: 'A chest, frontal', fields: { site: 'north' } },
      { id: 'table/train/1', imageId: 'images/b.jpg', image: { file: join(dir, 'images/b.jpg') }, text: 'A knee', fields: {} },
    ])
  })

  it('reads answers; rows without one are left out', async () => {
    const [sample, ...others] = (await open({ dir: await own(), columns: { answer: 'answer' } })).samples('train')
    expect(sample).toMatchObject({ id: 'table/train/1', answers: ['yes'] })
    expect(others).toEqual([])
  })

  it('reads TSV and JSON lines under other names, and frames', async () => {
    const rows = [
      { path: 'a.jpg', q: 'What?', a: ['x', 3], kind: 'OPEN', slice: 2 },
      { path: 'a.jpg', q: 'What?', a: 'y', kind: 'CLOSED ', slice: 3 },
    ]
    const dir = await makeRelease({ 'one.tsv': 'path\tq\na.jpg\t"a, ""b"""\n', 'two.jsonl': rows.map((row) => `${JSON.stringify(row)}\n`).join(''), ...images })
    const tsv = await open({ dir, files: { test: 'one.tsv' }, images: join(dir, 'images'), columns: { image: 'path', text: 'q' } })
    expect(tsv.samples('test')).toMatchObject([{ text: 'a, "b"', image: { file: join(dir, 'images/a.jpg') } }])
    const columns = { image: 'path', text: 'q', answer: 'a', answerType: 'kind', frame: 'slice' }
    const jsonl = await open({ dir, name: 'mine', files: { train: ['two.jsonl', 'two.jsonl'] }, columns }).catch((error) => error)
    expect(jsonl).toMatchObject({ message: expect.stringContaining('two rows have the id mine/train/two/0') })
    expect((await open({ dir, files: { val: 'two.jsonl' }, columns })).samples('val')).toMatchObject([
      { imageId: 'a.jpg#2', image: { frame: 2 }, answers: ['x', '3'], answerType: 'open' },
      { imageId: 'a.jpg#3', image: { frame: 3 }, answers: ['y'], answerType: 'closed' },
    ])
  })

  it('reads Parquet with paths', async () => {
    const train = written([
      { name: 'image', data: ['images/a.jpg', 'images/b.jpg', 'images/a.jpg'], type: 'STRING' },
      { name: 'text', data: ['one', 'two', 'three'], type: 'STRING' },
      { name: 'score', data: [1n, 2n, 3n], type: 'INT64' },
    ])
    const data = await open({ dir: await makeRelease({ 'train.parquet': train, ...images }), columns: { fields: ['score'] } })
    expect(data.samples('train').map(({ imageId, text, fields }) => [imageId, text, fields!.score])).toEqual([
      ['images/a.jpg', 'one', '1'],
      ['images/b.jpg', 'two', '2'],
      ['images/a.jpg', 'three', '3'],
    ])
  })

  it('reads Parquet with images in it, whichever row comes first', async () => {
    const pictures = await Promise.all([1, 2, 3, 4, 5].map(jpeg))
    const file = written([
      { name: 'image', data: pictures.map((bytes) => new Uint8Array(bytes)), type: 'BYTE_ARRAY' },
      { name: 'text', data: pictures.map((_, i) => `image ${i}`), type: 'STRING' },
    ])
    const dir = await makeRelease({ 'data/validation-00000-of-00001.parquet': file })
    const samples = (await open({ dir })).samples('val')
    expect(samples.map(({ id }) => id)).toEqual([0, 1, 2, 3, 4].map((i) => `table/val/${i}`))
    for (const i of [4, 0, 2, 1, 3]) {
      const [here, there] = [await readPicture(samples[i].image), await readPicture({ name: 'x', encoded: async () => pictures[i] })]
      expect([...here.data]).toEqual([...there.data])
    }
    const report = await verifyDataset('table', dir)
    expect([report.problems, report.images.decoded]).toEqual([[], 5])
  })

  it('verifies', async () => {
    const dir = await own()
    await rm(join(dir, 'images/a.jpg'))
    await truncate(join(dir, 'images/b.jpg'), 200)
    const { problems } = await verifyDataset('table', dir)
    expect(problems.map(({ kind, file }) => [kind, file])).toEqual([
      ['missing-image', 'images/a.jpg'],
      ['broken-image', 'images/b.jpg'],
    ])
  })

  it('verifies: texts of other scripts, blank images', async () => {
    const blank = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#345' } })
      .png()
      .toBuffer()
    const rows = 'image,text\na.jpg,肝脏在哪里？ CT\na.jpg,α-Synuclein\nb.png,A knee\n'
    const report = await verifyDataset('table', await makeRelease({ 'val.csv': rows, 'a.jpg': 1, 'b.png': blank }))
    expect(report.images.blank).toEqual(['b.png'])
    expect(report.notes).toEqual(expect.arrayContaining(['table: 1 of 3 val texts are not written in Latin letters', '1 image of a single value: b.png']))
  })

  it('ignores a byte order mark', async () => {
    expect((await open({ dir: await makeRelease({ 'train.csv': `\ufeff${csv}`, ...images }) })).samples('train')).toHaveLength(2)
  })

  const parquet = written([{ name: 'text', data: ['a'], type: 'STRING' }])
  it.each([
    ['train.csv', '', /train\.csv:1:1: the file is empty/],
    ['train.csv', csv.slice(0, -12), /train\.csv:4:1: expected 4 cells, found 2/],
    ['train.csv', csv.replace('text', 'caption'), /train\.csv:1:1: the header lacks "text"/],
    ['train.csv', csv.replace('images/a', '../a'), /train\.csv:2:1: "image": not a path below/],
    ['train.jsonl', '{"image": "a.jpg", "text": {}}\n', /train\.jsonl:1:1: "text": expected one value/],
    ['train.jsonl', '{"text": "a"}\n', /train\.jsonl:1:1: "image"/],
    ['train.parquet', '', /train\.parquet: /],
    ['train.parquet', parquet.subarray(0, -8), /train\.parquet: /],
    ['train.parquet', parquet, /train\.parquet: the columns lack "image"/],
  ])('says where a table is malformed: %s, %j', async (name, content, message) => {
    const error = open({ dir: await makeRelease({ [name]: content }) })
    await expect(error).rejects.toMatchObject({ code: 'DATA_MALFORMED', message: expect.stringMatching(message) })
  })

  it('says what is missing', async () => {
    const dir = await temporaryFolder()
    await expect(open({ dir })).rejects.toMatchObject({ code: 'DATA_MISSING', message: expect.stringContaining('.parquet; none is there') })
    await expect(open({ dir, files: { train: 'mine.csv' } })).rejects.toMatchObject({ code: 'DATA_MISSING', message: expect.stringContaining('mine.csv') })
    await expect(open({ dir, files: { train: 'mine.xls' } })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    expect((await verifyDataset('table', dir)).problems).toHaveLength(1)
  })

  it('says that a file is no text', async () => {
    const dir = await own()
    await writeFile(join(dir, 'train.csv'), Buffer.concat([await readFile(join(dir, 'train.csv')), Uint8Array.of(0xff)]))
    await expect(open({ dir })).rejects.toMatchObject({ message: expect.stringContaining('not UTF-8') })
  })
})
