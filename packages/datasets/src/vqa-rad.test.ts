import { cp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dataset, Sample } from '@unidiag/core/contracts/dataset'
import { describeShared } from '@unidiag/testing/shared'
import { describe, expect, it } from 'vitest'
import type { z } from 'zod'
import { copyOf, temporaryFolder } from './release/broken-copy.fixture.js'
import { vqaRad } from './vqa-rad.js'

type Options = z.input<typeof vqaRad.definition.options>
const open = async (options: Options): Promise<Dataset> => vqaRad.definition.setup({ needs: {}, options: vqaRad.definition.options.parse(options) })
const imagesOf = (samples: readonly Sample[]) => new Set(samples.map(({ imageId }) => imageId))
const count = (samples: readonly Sample[], type: string) => samples.filter(({ answerType }) => answerType === type).length

describeShared('vqa-rad', (shared) => {
  const full = `${shared}/data/vqa-rad`
  const mini = `${shared}/data/mini/vqa-rad`
  const publicFile = 'VQA_RAD Dataset Public.json'

  it('reads the split of the literature', async () => {
    const data = await open({ dir: full, validation: 'none' })
    expect(data).toMatchObject({ name: 'vqa-rad', synthetic: false, splits: ['train', 'test'] })
    expect(data.samples('train')).toHaveLength(3064)
    expect(data.samples('test')).toHaveLength(451)
    expect([count(data.samples('test'), 'open'), count(data.samples('test'), 'closed')]).toEqual([179, 272])
    expect(() => data.samples('val')).toThrow(expect.objectContaining({ code: 'SPLIT_UNKNOWN' }))
  })

  it('reads the public file: the rule for the split, strings and numbers, blanks, tabs', async () => {
    const data = await open({ dir: full, source: 'public', validation: 'none', name: 'rad' })
    const [train, test] = [data.samples('train'), data.samples('test')]
    expect([train.length, test.length]).toEqual([1797, 451])
    expect(data.name).toBe('rad')
    const all = [...train, ...test]
    expect(imagesOf(all).size).toBe(314)
    const byId = new Map(all.map((sample) => [sample.id, sample]))
    expect(byId.size).toBe(2248)
    expect(byId.get('vqa-rad/public/0')).toMatchObject({ imageId: 'synpic54610', fields: { organ: 'HEAD', questionType: 'PRES', phraseType: 'freeform' } })
    for (const id of [2156, 2157]) expect(byId.get(`vqa-rad/public/${id}`)?.answerType).toBe('closed')
    expect(all.filter(({ answers }) => answers![0] === '12')).toHaveLength(2)
    expect(all.filter(({ text }) => /\t| {2}|^ | $/.test(text))).toEqual([])
    expect(byId.get('vqa-rad/public/2136')?.text).toContain('\ufffd')
    expect(all.some(({ fields }) => Object.values(fields!).some((value) => value === 'NULL' || /PRSE|ATRIB\b/.test(value)))).toBe(false)
  })

  it('holds out a tenth of the images for validation, the same ones every time', async () => {
    const data = await open({ dir: full })
    const [train, val] = [data.samples('train'), data.samples('val')]
    expect(train.length + val.length).toBe(3064)
    expect(imagesOf(val).size).toBe(31)
    expect([...imagesOf(val)].filter((image) => imagesOf(train).has(image))).toEqual([])
    expect((await open({ dir: full })).samples('val')).toEqual(val)
    const other = await open({ dir: full, validation: { from: 'train', share: 0.1, seed: 1 } })
    expect(imagesOf(other.samples('val'))).not.toEqual(imagesOf(val))
  })

  it('selects on the test questions only when told so', async () => {
    const data = await open({ dir: mini, validation: 'test' })
    expect(data.samples('val')).toEqual(data.samples('test'))
  })

  it('reads a validation file of the user', async () => {
    const dir = await copyOf(mini)
    await expect(open({ dir, validation: 'file' })).rejects.toMatchObject({ code: 'DATA_MISSING', message: expect.stringContaining('valset.json') })
    await cp(join(dir, 'data_RAD/testset.json'), join(dir, 'data_RAD/valset.json'))
    expect((await open({ dir, validation: 'file' })).samples('val')).toHaveLength(50)
    await expect(open({ dir, source: 'public', validation: 'file' })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })

  it('reads the flat layout of the reference code', async () => {
    const dir = await temporaryFolder()
    for (const name of ['trainset.json', 'testset.json']) await cp(join(mini, 'data_RAD', name), join(dir, name))
    await cp(join(mini, 'VQA_RAD Image Folder'), join(dir, 'images'), { recursive: true })
    const [sample] = (await open({ dir, validation: 'none' })).samples('train')
    expect((sample.image as { file: string }).file).toBe(join(dir, 'images', `${sample.imageId}.jpg`))
  })

  it('keeps samples of a missing image', async () => {
    const dir = await copyOf(mini)
    const before = (await open({ dir })).samples('train')
    await rm((before[0].image as { file: string }).file)
    expect((await open({ dir })).samples('train')).toEqual(before)
  })

  it('ignores a byte order mark', async () => {
    const dir = await copyOf(mini)
    const file = join(dir, publicFile)
    await writeFile(file, `\ufeff${await readFile(file, 'utf8')}`)
    expect((await open({ dir, source: 'public', validation: 'none' })).samples('train')).toHaveLength(141)
  })

  const broken: [string, (text: string) => string, RegExp][] = [
    ['syntax', (text) => text.replace('"answer":', '"answer"'), /trainset\.json:6:14: not valid JSON: expected ":"/],
    ['a missing cell', (text) => text.replace(/"question": "[^"]*",\s*/, ''), /trainset\.json:2:3: row 1: "question"/],
    ['an unknown answer type', (text) => text.replace('"answer_type": "CLOSED"', '"answer_type": "MAYBE"'), /row \d+: "answer_type"/],
    ['an image outside the folder', (text) => text.replace(/"image_name": "/, '"image_name": "../../'), /row 1: "image_name": not a path below/],
    ['an id twice', (text) => text.replace(/"qid": \d+/g, '"qid": 7'), /two rows have the id vqa-rad\/mevf\/7/],
    ['no list', () => '{}', /1:1: expected a list of rows/],
    ['nothing', () => '', /1:1: the file is empty/],
  ]
  it.each(broken)('says where a file is malformed: %s', async (_, damage, message) => {
    const dir = await copyOf(mini)
    const file = join(dir, 'data_RAD/trainset.json')
    await writeFile(file, damage(JSON.stringify(JSON.parse(await readFile(file, 'utf8')), null, 2)))
    const error = await open({ dir }).catch((e: unknown) => e)
    expect(error).toMatchObject({ code: 'DATA_MALFORMED' })
    expect((error as Error).message).toMatch(message)
  })

  it('says that a file is no text', async () => {
    const dir = await copyOf(mini)
    await writeFile(join(dir, 'data_RAD/trainset.json'), Uint8Array.of(0xff, 0xfe, 0x5b, 0x00))
    await expect(open({ dir })).rejects.toMatchObject({ code: 'DATA_MALFORMED', message: expect.stringContaining('not UTF-8') })
  })

  it('says what is missing', async () => {
    const dir = await copyOf(mini)
    await rename(join(dir, 'VQA_RAD Image Folder'), join(dir, 'elsewhere'))
    await expect(open({ dir })).rejects.toMatchObject({ code: 'DATA_MISSING', message: expect.stringContaining('"VQA_RAD Image Folder", "images"') })
  })
})

describe('vqa-rad', () => {
  it('says what it looked for in an empty folder, and that a folder does not exist', async () => {
    const dir = await temporaryFolder()
    await expect(open({ dir })).rejects.toMatchObject({ code: 'DATA_MISSING', message: expect.stringContaining('"data_RAD/trainset.json"') })
    await expect(open({ dir: join(dir, 'none') })).rejects.toMatchObject({
      code: 'DATA_MISSING',
      message: expect.stringContaining('the folder does not exist'),
    })
  })
})
