import { cp, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describeShared } from '@unidiag/testing/shared'
import { describe, expect, it } from 'vitest'
import { copyOf, temporaryFolder } from './release/broken-copy.fixture.js'
import { renderReport, verifyDataset } from './verify.js'

describeShared('verifyDataset', (shared) => {
  const mini = `${shared}/data/mini`
  const images = 'VQA_RAD Image Folder'

  it('finds VQA-RAD whole, with the leaks and duplicates of the release', async () => {
    const report = await verifyDataset('vqa-rad', `${shared}/data/vqa-rad`)
    expect(report.problems).toEqual([])
    expect(report.images).toMatchObject({ referenced: 314, decoded: 314, duplicates: [], unused: [join(images, 'synpic35356.jpg')] })
    const [mevf, released] = report.variants
    expect(mevf.splits).toEqual([
      { split: 'train', questions: 3064, images: 314, open: 1241, closed: 1823, unseenAnswers: 0 },
      { split: 'test', questions: 451, images: 203, open: 179, closed: 272, unseenAnswers: 47 },
    ])
    expect(released.splits).toEqual([
      { split: 'train', questions: 1797, images: 313, open: 770, closed: 1027, unseenAnswers: 0 },
      { split: 'test', questions: 451, images: 203, open: 179, closed: 272, unseenAnswers: 115 },
    ])
    expect(released.duplicates).toHaveLength(4)
    expect(released.leaks).toHaveLength(1)
    expect(released.leaks[0].images).toHaveLength(202)
    const text = renderReport(report)
    expect(text).toContain('public: leak: 202 of 203 test images are also in train')
    expect(text).toMatch(/mevf +test +451 +203 +179 +272 +47/)
    expect(text).toContain('no problems')
  })

  it.each(['slake', 'vqa-med-2019'])('finds the small %s whole', async (name) => {
    const report = await verifyDataset(name, `${mini}/${name}`)
    expect(report.problems).toEqual([])
    expect(report.variants[0].leaks).toEqual([])
    expect(report.images.decoded).toBe(report.images.referenced)
  })

  it('names every missing and broken file, and every malformed row', async () => {
    const dir = await copyOf(`${mini}/vqa-rad`)
    const [gone, cut, garbled] = (await readdir(join(dir, images))).sort()
    await rm(join(dir, images, gone))
    await truncate(join(dir, images, cut), Math.floor((await stat(join(dir, images, cut))).size / 2))
    await writeFile(join(dir, images, garbled), 'not an image')
    const train = join(dir, 'data_RAD/trainset.json')
    const rows = JSON.parse(await readFile(train, 'utf8'))
    rows[4].answer = null
    await writeFile(train, JSON.stringify(rows, null, 2))
    const report = await verifyDataset('vqa-rad', dir)
    expect(report.problems).toEqual([
      { kind: 'malformed', file: expect.stringMatching(/^data_RAD\/trainset\.json:\d+:3$/), reason: expect.stringContaining('row 5: "answer"') },
      { kind: 'missing-image', file: join(images, gone), reason: 'the file does not exist' },
      { kind: 'broken-image', file: join(images, cut), reason: expect.stringMatching(/premature end|end too early/) },
      { kind: 'broken-image', file: join(images, garbled), reason: expect.stringContaining('unsupported') },
    ])
    expect(report.variants[0].splits[0].questions).toBe(226)
    expect(renderReport(report)).toContain(`missing-image  ${join(images, gone)}: the file does not exist`)
  })

  it('is content with one of the two packagings of VQA-RAD', async () => {
    const dir = await copyOf(`${mini}/vqa-rad`)
    await rm(join(dir, 'VQA_RAD Dataset Public.json'))
    const report = await verifyDataset('vqa-rad', dir)
    expect(report.problems).toEqual([])
    expect(report.variants.map(({ variant }) => variant)).toEqual(['mevf'])
    await rm(join(dir, 'data_RAD/testset.json'))
    expect((await verifyDataset('vqa-rad', dir)).problems).toEqual([
      { kind: 'missing-file', file: '.', reason: 'looked for "data_RAD/testset.json", "testset.json"; none is there' },
    ])
  })

  it('shows a validation file that repeats the test', async () => {
    const dir = await copyOf(`${mini}/vqa-rad`)
    await cp(join(dir, 'data_RAD/testset.json'), join(dir, 'data_RAD/valset.json'))
    const { leaks } = (await verifyDataset('vqa-rad', dir)).variants[0]
    expect(leaks.find(({ splits }) => splits.join() === 'val,test')?.questions).toHaveLength(50)
  })

  it('finds the same picture under two names, also across splits', async () => {
    const dir = await copyOf(`${mini}/vqa-med-2019`)
    const train = 'ImageClef-2019-VQA-Med-Training/Train_images'
    const test = 'VQAMed2019Test/VQAMed2019_Test_Images'
    const [original] = await readdir(join(dir, train))
    const [copy] = await readdir(join(dir, test))
    await cp(join(dir, train, original), join(dir, test, copy))
    // Another file, the same pixels.
    const file = await open(join(dir, test, copy), 'a')
    await file.write(Buffer.from('trailing bytes'))
    await file.close()
    const report = await verifyDataset('vqa-med-2019', dir)
    expect(report.images.duplicates).toEqual([[join(train, original), join(test, copy)]])
    const names = [original, copy].map((name) => name.replace('.jpg', ''))
    expect(report.variants.at(-1)!.leaks).toEqual([{ splits: ['train', 'test'], images: [], sameContent: [names], questions: [] }])
  })

  it('reports rows that say nothing', async () => {
    const dir = await copyOf(`${mini}/slake`)
    const file = join(dir, 'Slake1.0/train.json')
    const rows = JSON.parse(await readFile(file, 'utf8'))
    rows[0].answer = ' '
    await writeFile(file, JSON.stringify(rows))
    const report = await verifyDataset('slake', dir)
    expect(report.problems).toEqual([])
    expect(report.notes).toContain('en: 1 row without text or answer left out: slake/201')
  })

  it('never quotes a text of the data', async () => {
    const report = JSON.stringify(await verifyDataset('vqa-rad', `${mini}/vqa-rad`))
    const rows: { question: string }[] = JSON.parse(await readFile(`${mini}/vqa-rad/data_RAD/testset.json`, 'utf8'))
    expect(rows.filter(({ question }) => report.includes(question))).toEqual([])
  })
})

describe('verifyDataset', () => {
  it.each(['vqa-rad', 'slake', 'vqa-med-2019'])('says what an empty folder lacks: %s', async (name) => {
    const report = await verifyDataset(name, await temporaryFolder())
    expect(report.variants).toEqual([])
    expect(report.problems.length).toBeGreaterThan(1)
    expect(new Set(report.problems.map(({ kind }) => kind))).toEqual(new Set(['missing-file']))
  })

  it('says that the folder does not exist, once', async () => {
    const { problems } = await verifyDataset('slake', join(await temporaryFolder(), 'none'))
    expect(problems).toEqual([{ kind: 'missing-file', file: '.', reason: 'the folder does not exist' }])
  })

  it('refuses a name it does not know', async () => {
    await expect(verifyDataset('vqa-rat', '.')).rejects.toMatchObject({ code: 'OPTION_INVALID', fix: expect.stringContaining('vqa-rad') })
  })
})
