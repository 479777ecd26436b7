import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dataset } from '@unidiag/core/contracts/dataset'
import { describe, expect, it } from 'vitest'
import type { z } from 'zod'
import { readPicture } from './image/read-picture.js'
import { m3aeArrow } from './m3ae-arrow.js'
import { arrowFixture } from './release/arrow/m3ae-arrow.fixture.js'
import { temporaryFolder } from './release/broken-copy.fixture.js'
import { makeRelease } from './release/make-release.fixture.js'
import { verifyDataset } from './verify.js'

const open = async (options: z.input<typeof m3aeArrow.definition.options>): Promise<Dataset> =>
  m3aeArrow.definition.setup({ needs: {}, options: m3aeArrow.definition.options.parse(options) })

describe('m3ae-arrow', () => {
  it('reads captions of several batches, and the images where they lie', async () => {
    const dir = await makeRelease({ 'roco_train.arrow': arrowFixture('captions'), 'roco_test.arrow': arrowFixture('captions') })
    const data = await open({ dir })
    expect([data.name, data.splits]).toEqual(['roco', ['train', 'test']])
    const samples = data.samples('train')
    expect(samples.map(({ id, imageId, text }) => [id, imageId, text])).toEqual([
      ['roco/train/0/0', 'data/roco/train/1.jpg', 'A chest radiograph.'],
      ['roco/train/0/1', 'data/roco/train/1.jpg', 'Figure 1 shows it.'],
      ['roco/train/1/0', 'data/roco/train/2.jpg', 'CT of the head ü.'],
      ['roco/train/2/0', 'data/roco/train/3.jpg', 'A third one.'],
    ])
    // Pixels are (20 n, 10, 200).
    for (const [i, red] of [20, 20, 40, 60].entries()) expect([...(await readPicture(samples[i].image)).data]).toEqual(Array(4).fill([red, 10, 200]).flat())
  })

  it('reads questions', async () => {
    const data = await open({ dir: await makeRelease({ 'vqa_vqa_rad_test.arrow': arrowFixture('questions') }), name: 'rad' })
    expect(data.samples('test').map(({ image: _, ...sample }) => sample)).toEqual([
      { id: 'rad/test/7', imageId: 'data/a.jpg', text: 'is it?', answers: ['yes'], answerType: 'closed' },
      { id: 'rad/test/8', imageId: 'data/a.jpg', text: 'where is it?', answers: ['left lung', 'lung'], answerType: 'open' },
      { id: 'rad/test/9', imageId: 'data/b.jpg', text: 'what?', answers: ['ct'], answerType: 'open' },
    ])
  })

  it('reads classes', async () => {
    const data = await open({ dir: await makeRelease({ 'cls_melinda_val.arrow': arrowFixture('classes') }) })
    expect(data.samples('val').map(({ text, fields }) => [text, fields])).toEqual([
      ['a gel.', { i_meth: 'IHC', p_meth: 'i', i_meth_label: '3', p_meth_label: '5' }],
      ['again.', { i_meth: 'WB', p_meth: 'j', i_meth_label: '4', p_meth_label: '6' }],
    ])
  })

  it('asks which table', async () => {
    const dir = await makeRelease({ 'roco_train.arrow': arrowFixture('captions'), 'irtr_roco_val.arrow': arrowFixture('captions') })
    await expect(open({ dir })).rejects.toMatchObject({ code: 'OPTION_INVALID', message: expect.stringContaining('irtr_roco, roco') })
    expect((await open({ dir, table: 'irtr_roco' })).splits).toEqual(['val'])
    expect((await verifyDataset('m3ae-arrow', dir)).variants.map(({ variant }) => variant)).toEqual(['irtr_roco', 'roco'])
  })

  const renamed = (from: string, to: string) => Buffer.from(arrowFixture('captions').toString('latin1').replaceAll(from, to), 'latin1')
  it.each([
    ['nothing', () => new Uint8Array(), /roco_train\.arrow: the file is empty/],
    ['another file', () => Buffer.from('\ufeffimage,caption\n'.repeat(9)), /no Arrow file/],
    ['a stream', () => arrowFixture('stream'), /a stream has to be written as a file/],
    ['a file cut short', () => arrowFixture('captions').subarray(0, -40), /the file ends too early/],
    ['a compressed file', () => arrowFixture('lz4'), /compressed Arrow files are not supported/],
    ['another column', () => renamed('caption', 'captiom'), /the columns lack "caption"/],
    ['lists that are not parallel', () => arrowFixture('uneven'), /row 1: "answer_type": a list of 1, but "questions" has 2/],
    ['a row without image', () => arrowFixture('withoutImage'), /row 2: "image": expected bytes/],
  ])('says what is wrong with a file: %s', async (_, make, message) => {
    const dir = await makeRelease({ 'roco_train.arrow': make() })
    await expect(open({ dir })).rejects.toMatchObject({ code: 'DATA_MALFORMED', message: expect.stringMatching(message) })
  })

  it('says that a file was cut after it was opened', async () => {
    const dir = await makeRelease({ 'roco_train.arrow': arrowFixture('captions') })
    const [{ image }] = (await open({ dir })).samples('train')
    await truncate(join(dir, 'roco_train.arrow'), 100)
    await expect(readPicture(image)).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE', message: expect.stringContaining('row 1: the file ends too early') })
  })

  it('survives any damaged byte', async () => {
    const file = join(await temporaryFolder(), 'roco_train.arrow')
    const whole = arrowFixture('questions')
    let refused = 0
    for (let at = 0; at < whole.length; at += 3) {
      const bytes = Buffer.from(whole)
      bytes[at] ^= 0xff
      await writeFile(file, bytes)
      const error = await open({ dir: join(file, '..') }).then(
        () => undefined,
        (reason) => reason,
      )
      if (error) expect(error.code, `byte ${at}: ${error.message}`).toBe('DATA_MALFORMED')
      if (error) refused++
    }
    expect(refused).toBeGreaterThan(50)
  })

  it('says what is missing', async () => {
    const dir = await temporaryFolder()
    await expect(open({ dir, table: 'medicat' })).rejects.toMatchObject({ code: 'DATA_MISSING', message: expect.stringContaining('"medicat_train.arrow"') })
    expect((await verifyDataset('m3ae-arrow', dir)).problems).toMatchObject([{ kind: 'missing-file' }])
  })
})
