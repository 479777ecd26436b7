import { readdir, readFile, rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dataset } from '@unidiag/core/contracts/dataset'
import { describeShared } from '@unidiag/testing/shared'
import { describe, expect, it } from 'vitest'
import type { z } from 'zod'
import { dicomTexts } from './image/dicom/dicom-texts.js'
import { imageFolder } from './image-folder.js'
import { temporaryFolder } from './release/broken-copy.fixture.js'
import { makeRelease } from './release/make-release.fixture.js'
import { verifyDataset } from './verify.js'

const open = async (options: z.input<typeof imageFolder.definition.options>): Promise<Dataset> =>
  imageFolder.definition.setup({ needs: {}, options: imageFolder.definition.options.parse(options) })

const own = () =>
  makeRelease({
    'train/knee/1.JPG': 1,
    'train/knee/1.txt': '\ufeffA  knee,\nfrontal\n',
    'train/chest/2.jpg': 2,
    'train/chest/.hidden.jpg': 3,
    'train/chest/notes.md': 'no image',
    'validation/chest/3.jpg': 4,
    'test/chest/4.jpg': 5,
  })

describe('image-folder', () => {
  it('reads splits, texts beside images, and names of folders', async () => {
    const dir = await own()
    const data = await open({ dir, text: 'an image of {folder}' })
    expect(new Set(data.splits)).toEqual(new Set(['train', 'val', 'test']))
    expect(data.samples('train')).toEqual([
      {
        id: 'image-folder/train/chest/2.jpg',
        imageId: 'train/chest/2.jpg',
        image: { file: join(dir, 'train/chest/2.jpg') },
        text: 'an image of chest',
        fields: { folder: 'chest' },
      },
      {
        id: 'image-folder/train/knee/1.JPG',
        imageId: 'train/knee/1.JPG',
        image: { file: join(dir, 'train/knee/1.JPG') },
        text: 'A knee, frontal',
        fields: { folder: 'knee' },
      },
    ])
  })

  it('makes questions', async () => {
    const data = await open({ dir: await own(), text: 'which part is it?', answer: 'folder' })
    expect(data.samples('test')).toMatchObject([{ text: 'which part is it?', answers: ['chest'] }])
  })

  it('takes a folder without splits as training data, without what has no text', async () => {
    const data = await open({ dir: join(await own(), 'train', 'knee') })
    expect(data.splits).toEqual(['train'])
    expect(data.samples('train')).toMatchObject([{ imageId: '1.JPG', fields: {} }])
    await expect(open({ dir: join(await own(), 'test') })).rejects.toMatchObject({
      code: 'DATA_MISSING',
      message: expect.stringContaining('no image has a text'),
    })
  })

  it('verifies', async () => {
    const dir = await own()
    await truncate(join(dir, 'test/chest/4.jpg'), 200)
    await rm(join(dir, 'train/knee/1.txt'))
    const report = await verifyDataset('image-folder', dir)
    expect(report.problems).toMatchObject([{ kind: 'broken-image', file: 'test/chest/4.jpg' }])
    expect(report.variants[0].splits.map(({ questions }) => questions)).toHaveLength(3)
  })

  it('says that a text is no text, and what is missing', async () => {
    const dir = await makeRelease({ 'a.jpg': 1, 'a.txt': Uint8Array.of(0xff, 0xfe) })
    await expect(open({ dir })).rejects.toMatchObject({ code: 'DATA_MALFORMED', message: expect.stringContaining('a.txt: the file is not UTF-8') })
    await expect(open({ dir: await temporaryFolder() })).rejects.toMatchObject({ code: 'DATA_MISSING', message: expect.stringContaining('no image is there') })
    await expect(open({ dir: join(dir, 'none') })).rejects.toMatchObject({ message: expect.stringContaining('does not exist') })
  })
})

describeShared('image-folder', (shared) => {
  const dicom = `${shared}/data/dicom/pydicom/CT_small.dcm`

  it('takes no text of a DICOM file that is not named', async () => {
    const dir = await makeRelease({ 'ct/a.dcm': await readFile(dicom), 'ct/b.dcm': 'no DICOM', 'ct/c.jpg': 1 })
    const patient = 'CompressedSamples'
    expect((await readFile(dicom)).includes(patient)).toBe(true)
    const [sample] = (await open({ dir, text: 'an image' })).samples('train')
    expect(JSON.stringify(sample)).not.toContain(patient)
    const named = (await open({ dir, text: 'an image', tags: { modality: '00080060', body: '00180015' } })).samples('train')
    expect(named.map(({ fields }) => fields)).toEqual([{ folder: 'ct', modality: 'CT' }, { folder: 'ct' }, { folder: 'ct' }])
    expect((await verifyDataset('image-folder', dir)).problems).toMatchObject([{ kind: 'broken-image', file: 'ct/b.dcm' }])
  })

  it('tells no patient of any DICOM file, in samples, reports and errors', async () => {
    const dir = `${shared}/data/dicom`
    const said = JSON.stringify([(await open({ dir, text: 'an image' })).samples('train'), await verifyDataset('image-folder', dir)])
    const identities = { name: '00100010', id: '00100020', birth: '00100030', institution: '00080080', physician: '00080090' }
    const found = new Set<string>()
    for (const name of await readdir(join(dir, 'pydicom')))
      try {
        for (const text of Object.values(dicomTexts(await readFile(join(dir, 'pydicom', name)), identities))) if (text.length > 3) found.add(text)
      } catch {
        // No DICOM file, or a damaged one.
      }
    expect(found.size).toBeGreaterThan(20)
    expect([...found].filter((text) => said.includes(text))).toEqual([])
  })
})
