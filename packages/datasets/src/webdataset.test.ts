import { execFileSync } from 'node:child_process'
import { mkdir, open as openFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dataset } from '@unidiag/core/contracts/dataset'
import { describe, expect, it } from 'vitest'
import type { z } from 'zod'
import { readPicture } from './image/read-picture.js'
import { TAR_HEADER, tarEnd, tarHeader, tarPadding } from './prepare/tar-blocks.js'
import { temporaryFolder } from './release/broken-copy.fixture.js'
import { jpeg, makeRelease } from './release/make-release.fixture.js'
import { verifyDataset } from './verify.js'
import { webDataset } from './webdataset.js'

const open = async (options: z.input<typeof webDataset.definition.options>): Promise<Dataset> =>
  webDataset.definition.setup({ needs: {}, options: webDataset.definition.options.parse(options) })

type Files = Parameters<typeof makeRelease>[0]
const LONG = `${'long-'.repeat(40)}name`

/** A shard made by tar itself. */
async function tar(files: Files, format = 'gnu'): Promise<Uint8Array> {
  const dir = await makeRelease(files)
  return execFileSync('tar', [`--format=${format}`, '-C', dir, '-cf', '-', ...Object.keys(files)], { maxBuffer: 2 ** 26 })
}

const first: Files = {
  '0.jpg': 1,
  '0.txt': 'A  knee\n',
  'sub/1.seg.png': 2,
  [`${LONG}.jpg`]: 3,
  [`${LONG}.json`]: '{"text": "What?", "answer": ["a", 1], "site": "x"}',
}
const second: Files = { '0.jpg': 4, '0.json': '{"text": "Again?", "answer": "yes"}', '0.cls': '7' }

async function own(): Promise<string> {
  return makeRelease({ 'train-000000.tar': await tar(first), 'train-000001.tar': await tar(second, 'pax'), 'validation.tar': await tar(first, 'pax') })
}

describe('webdataset', () => {
  it('reads texts and images of all shards, in GNU and pax archives', async () => {
    const data = await open({ dir: await own(), keys: { fields: ['site'] } })
    expect(data.splits).toEqual(['train', 'val'])
    const train = data.samples('train')
    expect(train.map(({ id, text, answers, fields }) => [id, text, answers, fields])).toEqual([
      ['webdataset/train/train-000000/0', 'A knee', undefined, {}],
      [`webdataset/train/train-000000/${LONG}`, 'What?', ['a', '1'], { site: 'x' }],
      ['webdataset/train/train-000001/0', 'Again?', ['yes'], {}],
    ])
    for (const [i, number] of [1, 3, 4].entries()) {
      const expected = await readPicture({ name: 'x', encoded: () => jpeg(number) })
      expect([...(await readPicture(train[i].image)).data]).toEqual([...expected.data])
    }
    expect(data.samples('val').map(({ text }) => text)).toEqual(['A knee', 'What?'])
  })

  it('verifies', async () => {
    const dir = await own()
    const shard = join(dir, 'train-000001.tar')
    const bytes = await readFile(shard)
    const start = bytes.indexOf(Uint8Array.of(0xff, 0xd8))
    bytes.fill(0, start, start + 100)
    await writeFile(shard, bytes)
    const report = await verifyDataset('webdataset', dir)
    expect(report.problems).toMatchObject([{ kind: 'broken-image', file: expect.stringMatching(/^train-000001\.tar:0\.jpg$/) }])
    expect(report.variants[0].leaks[0].sameContent).toHaveLength(2)
    expect(report.variants[0].leftOut).toEqual(['webdataset/train/train-000000/sub/1', 'webdataset/val/validation/sub/1'])
  })

  it.each([
    ['nothing', async () => new Uint8Array(), /train\.tar: the file is empty/],
    ['a truncated file', async () => (await tar(first)).subarray(0, 1300), /train\.tar: the archive is cut short/],
    ['no archive', async () => Buffer.from('\ufeff'.repeat(900)), /train\.tar: no header of a tar archive at byte 0/],
    ['a sample without image', () => tar({ '7.txt': 'alone' }), /train\.tar:7: the sample has no image/],
    ['broken JSON', () => tar({ '7.jpg': 1, '7.json': '{"text": ' }), /train\.tar:7\.json: not valid JSON/],
    ['a list', () => tar({ '7.jpg': 1, '7.json': '[]' }), /train\.tar:7\.json: expected a JSON object/],
    ['a number as text', () => tar({ '7.jpg': 1, '7.json': '{"text": {"a": 1}}' }), /train\.tar:7: "text"/],
    ['a text that is none', () => tar({ '7.jpg': 1, '7.txt': Uint8Array.of(0xff) }), /train\.tar:7\.txt: not UTF-8/],
  ])('says what is wrong with a shard: %s', async (_, make, message) => {
    const dir = await makeRelease({ 'train.tar': await make() })
    await expect(open({ dir })).rejects.toMatchObject({ code: 'DATA_MALFORMED', message: expect.stringMatching(message) })
  })

  it('takes memory for the index and for one image, however large the shards are', async () => {
    // A shard of 1 GiB, most of it holes: 64 images of 16 MiB.
    const dir = await temporaryFolder()
    const file = await openFile(join(dir, 'train.tar'), 'w')
    const size = 16 * 2 ** 20
    let at = 0
    for (let i = 0; i < 64; i++) {
      await file.write(tarHeader(`${i}.jpg`, size), 0, TAR_HEADER, at)
      at += TAR_HEADER + size
      await file.write(Buffer.concat([tarHeader(`${i}.txt`, 6), Buffer.from('A knee'), tarPadding(6)]), 0, 2 * TAR_HEADER, at)
      at += 2 * TAR_HEADER
    }
    await file.write(tarEnd(), 0, 2 * TAR_HEADER, at)
    await file.close()
    const before = process.memoryUsage.rss()
    const data = await open({ dir })
    expect(data.samples('train')).toHaveLength(64)
    expect(process.memoryUsage.rss() - before).toBeLessThan(size)
    // In whatever order: none is kept.
    for (let i = 0; i < 64; i++) {
      const { image } = data.samples('train')[(i * 37) % 64]
      expect(await (image as { encoded(): Promise<Uint8Array> }).encoded()).toHaveLength(size)
    }
    expect(process.memoryUsage().arrayBuffers).toBeLessThan(32 * size)
  })

  it('ignores a byte order mark in texts', async () => {
    const dir = await makeRelease({ 'train.tar': await tar({ '7.jpg': 1, '7.txt': '\ufeffA knee' }) })
    expect((await open({ dir })).samples('train')[0].text).toBe('A knee')
  })

  it('says what is missing', async () => {
    const dir = await temporaryFolder()
    await mkdir(join(dir, 'data'))
    await expect(open({ dir })).rejects.toMatchObject({ code: 'DATA_MISSING', message: expect.stringContaining('.tar; none is there') })
    await expect(open({ dir, shards: { train: ['a.tar'] } })).rejects.toMatchObject({ message: expect.stringContaining('a.tar') })
    expect((await verifyDataset('webdataset', dir)).problems).toHaveLength(1)
  })
})
