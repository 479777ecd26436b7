import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dataset } from '@unidiag/core/contracts/dataset'
import { describeShared } from '@unidiag/testing/shared'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { copyOf } from './release/broken-copy.fixture.js'
import { jpeg, makeRelease } from './release/make-release.fixture.js'
import { renderReport, renderShared, verifyDatasets } from './verify.js'

describe('verifyDatasets', () => {
  /** Smooth, so that it looks the same when it is smaller. */
  const wave = (frequency: number, width = 96) =>
    sharp(
      Uint8Array.from({ length: width * width }, (_, i) => 128 + 100 * Math.sin((frequency * (i % width)) / width + Math.floor(i / width) / (width / 5))),
      { raw: { width, height: width, channels: 1 } },
    )
  const csv = (...names: string[]) => `image,text\n${names.map((name) => `${name},A text\n`).join('')}`

  it('finds images that data sets share, of the same pixels or the same look', async () => {
    const first = await makeRelease({
      'train.csv': csv('a.jpg', 'b.png'),
      'test.csv': csv('c.jpg'),
      'a.jpg': 1,
      'b.png': await wave(9).png().toBuffer(),
      'c.jpg': 3,
    })
    const second = await makeRelease({
      'train.csv': csv('c.jpg'),
      'test.csv': csv('x.png', 'y.jpg', 'z.png'),
      'c.jpg': await wave(15).jpeg().toBuffer(),
      // The pixels of a.jpg in another file; b.png smaller and compressed; another one.
      'x.png': await sharp(await jpeg(1))
        .png()
        .toBuffer(),
      'y.jpg': await wave(9).resize(40).jpeg({ quality: 60 }).toBuffer(),
      'z.png': await wave(21).png().toBuffer(),
    })
    const found = await verifyDatasets([
      { name: 'table', dir: first },
      { name: 'table', dir: second },
    ])
    expect(found.shared).toEqual([
      {
        between: ['table train', 'table test'],
        images: [
          { ids: ['a.jpg', 'x.png'], by: 'content' },
          { ids: ['b.png', 'y.jpg'], by: 'looks' },
        ],
      },
    ])
    expect(renderShared(found.shared)).toContain('1 in table train and in table test that look alike: b.png = y.jpg')
    expect(found.reports.map(({ problems }) => problems)).toEqual([[], []])
    expect((await verifyDatasets([{ name: 'table', dir: first }])).shared).toEqual([])
  })

  it('says that nothing is shared', () => expect(renderShared([])).toBe('no image is in two of the data sets'))

  it('looks through data sets that are open: licences, values, duplicates', async () => {
    const dark = await sharp(
      Uint8Array.from({ length: 64 }, (_, i) => 10 + (i % 9)),
      { raw: { width: 8, height: 8, channels: 1 } },
    )
      .png()
      .toBuffer()
    const bytes: Record<string, Buffer> = { a: await jpeg(1), b: dark, c: await jpeg(1) }
    const samples = Object.keys(bytes).map((id) => ({
      id: `mine/${id}`,
      imageId: id,
      image: { name: id, encoded: async () => bytes[id] },
      text: 'A text',
      ...(id !== 'c' && { fields: { license: 'CC BY' } }),
    }))
    const dataset: Dataset = {
      name: 'mine',
      synthetic: false,
      splits: ['train', 'val'],
      samples: (split) => (split === 'train' ? samples.slice(0, 2) : samples.slice(2)),
    }
    const { reports } = await verifyDatasets([{ dataset }])
    const [report] = reports
    expect(report.images).toMatchObject({ decoded: 3, narrow: ['b'], duplicates: [['a', 'c']], values: { low: expect.any(Number), high: expect.any(Number) } })
    expect(report.variants[0].leaks).toMatchObject([{ splits: ['train', 'val'], sameContent: [['a', 'c']] }])
    expect(report.notes).toContain('config: licences of train: CC BY 2')
    expect(report.notes).toContain('1 image that use less than an eighth of the values: b')
    expect(renderReport(report)).toMatch(/^mine\n[\s\S]*values: \d+ to \d+ of 0 to 255/)
  })
})

describeShared('verifyDatasets', (shared) => {
  const mini = `${shared}/data/mini`

  it('finds the images that VQA-RAD shares with VQA-Med-2019: by name, content and look', async () => {
    const rad = `${mini}/vqa-rad`
    const med = await copyOf(`${mini}/vqa-med-2019`)
    const apart = await verifyDatasets([
      { name: 'vqa-rad', dir: rad },
      { name: 'vqa-med-2019', dir: med },
    ])
    expect(apart.shared).toEqual([])
    // As in the whole releases: an image of VQA-RAD, at another size, takes the place of one of the training images.
    const image = 'VQA_RAD Image Folder'
    const [{ image_name: name }, { image_name: other }] = JSON.parse(await readFile(join(rad, 'data_RAD/testset.json'), 'utf8')).filter(
      (row: { image_name: string }, i: number, rows: { image_name: string }[]) => rows.findIndex(({ image_name }) => image_name === row.image_name) === i,
    )
    const folder = join(med, 'ImageClef-2019-VQA-Med-Training')
    const list = join(folder, 'QAPairsByCategory/C1_Modality_train.txt')
    const [one, two] = [...new Set((await readFile(list, 'utf8')).split('\n').map((line) => line.split('|')[0]))]
    await writeFile(join(folder, 'Train_images', `${one}.jpg`), await readFile(join(rad, image, name)))
    await writeFile(
      join(folder, 'Train_images', `${two}.jpg`),
      await sharp(join(rad, image, other))
        .resize(300)
        .jpeg({ quality: 70 })
        .toBuffer(),
    )
    const { shared: leaks } = await verifyDatasets([
      { name: 'vqa-rad', dir: rad },
      { name: 'vqa-med-2019', dir: med },
    ])
    const id = (file: string) => file.replace('.jpg', '')
    expect(leaks.find(({ between }) => between.join() === 'vqa-rad test,vqa-med-2019 train')?.images).toEqual(
      expect.arrayContaining([
        { ids: [id(name), one], by: 'content' },
        { ids: [id(other), two], by: 'looks' },
      ]),
    )
    // A name of MedPix is the same image whatever its pixels.
    const named = (await readFile(list, 'utf8')).replaceAll(`${two}|`, `${id(other)}|`)
    await writeFile(list, named)
    await writeFile(join(folder, 'Train_images', `${id(other)}.jpg`), await jpeg(5))
    const again = await verifyDatasets([
      { name: 'vqa-rad', dir: rad },
      { name: 'vqa-med-2019', dir: med },
    ])
    expect(again.shared.flatMap(({ images }) => images)).toContainEqual({ ids: [id(other), id(other)], by: 'name' })
  })
})
