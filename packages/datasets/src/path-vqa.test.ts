import { readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dataset } from '@unidiag/core/contracts/dataset'
import { describe, expect, it } from 'vitest'
import { pathVqa } from './path-vqa.js'
import { temporaryFolder } from './release/broken-copy.fixture.js'
import { makeRelease } from './release/make-release.fixture.js'
import { readPlainPickle } from './release/plain-pickle.js'
import { verifyDataset } from './verify.js'

const open = async (dir: string): Promise<Dataset> => pathVqa.definition.setup({ needs: {}, options: pathVqa.definition.options.parse({ dir }) })

// CPython 3.11, pickle.dumps of two rows with the protocols 2 and 4, and of [an object whose __reduce__ calls os.system].
const PROTOCOL_2 =
  'gAJdcQAofXEBKFgGAAAAYW5zd2VycQJYAwAAAHllc3EDWAUAAABpbWFnZXEEWAkAAAB0ZXN0XzAwMDFxBVgIAAAAcXVlc3Rpb25xBlgPAAAAaXMgdGhpcyAgbGl2ZXI/cQd1fXEIKGgCWAQAAABvcmFscQloBGgFaAZYDgAAAHdoZXJlIGlzIHRoaXM/cQp1ZS4='
const PROTOCOL_4 =
  'gASVbQAAAAAAAABdlCh9lCiMBmFuc3dlcpSMA3llc5SMBWltYWdllIwJdGVzdF8wMDAxlIwIcXVlc3Rpb26UjA9pcyB0aGlzICBsaXZlcj+UdX2UKGgCjARvcmFslGgEaAVoBowOd2hlcmUgaXMgdGhpcz+UdWUu'
const CALLS_CODE = 'gANdcQBjcG9zaXgKc3lzdGVtCnEBWAQAAAB0cnVlcQKFcQNScQRhLg=='
const bytes = (base64: string): Uint8Array => Uint8Array.from(Buffer.from(base64, 'base64'))

/** The splits have an image of one name, as only one pickle is at hand; its pixels differ. */
const release = (): Promise<string> =>
  makeRelease(
    Object.fromEntries(
      ['train', 'val', 'test'].flatMap((split, i): [string, Uint8Array | number][] => [
        [`qas/${split}/${split}_qa.pkl`, bytes(i ? PROTOCOL_4 : PROTOCOL_2)],
        [`images/${split}/test_0001.jpg`, i],
      ]),
    ),
  )

describe('path-vqa', () => {
  it('reads questions, yes/no ones as closed', async () => {
    const dir = await release()
    const data = await open(dir)
    expect(data.splits).toEqual(['train', 'val', 'test'])
    for (const split of data.splits) {
      expect(data.samples(split)).toEqual([
        {
          id: `path-vqa/${split}/0`,
          imageId: 'test_0001',
          image: { file: join(dir, `images/${split}/test_0001.jpg`) },
          text: 'is this liver?',
          answers: ['yes'],
          answerType: 'closed',
        },
        expect.objectContaining({ id: `path-vqa/${split}/1`, answers: ['oral'], answerType: 'open' }),
      ])
    }
  })

  it('verifies', async () => {
    const dir = await release()
    await rm(join(dir, 'images/val/test_0001.jpg'))
    await truncate(join(dir, 'images/test/test_0001.jpg'), 200)
    const { problems } = await verifyDataset('path-vqa', dir)
    expect(problems.map(({ kind, file }) => [kind, file])).toEqual([
      ['broken-image', 'images/test/test_0001.jpg'],
      ['missing-image', 'images/val/test_0001.jpg'],
    ])
  })

  it.each([
    ['nothing', () => new Uint8Array(), /train_qa\.pkl: the file is empty/],
    ['a truncated file', (whole: Uint8Array) => whole.subarray(0, 60), /train_qa\.pkl: the pickle ends too early/],
    [
      'another column',
      (whole: Uint8Array) => Uint8Array.from(Buffer.from(whole).toString('latin1').replace('question', 'queztion'), (c) => c.charCodeAt(0)),
      /row 1: "question"/,
    ],
    ['text', () => new TextEncoder().encode('\ufeffimage,question'), /operation 239 at byte 0/],
    ['code', () => bytes(CALLS_CODE), /more than lists and texts \(operation 99 at byte 5\)/],
  ])('says what is wrong with a file: %s', async (_, damage, message) => {
    const dir = await release()
    const file = join(dir, 'qas/train/train_qa.pkl')
    await writeFile(file, damage(Uint8Array.from(await readFile(file))))
    await expect(open(dir)).rejects.toMatchObject({ code: 'DATA_MALFORMED', message: expect.stringMatching(message) })
  })

  it('says what is missing', async () => {
    const dir = await temporaryFolder()
    await expect(open(dir)).rejects.toMatchObject({ code: 'DATA_MISSING', message: expect.stringContaining('"qas/train/train_qa.pkl"') })
    expect((await verifyDataset('path-vqa', dir)).problems).toHaveLength(6)
  })

  it('never takes from an empty stack, nor loops', () => {
    for (const wrong of ['.', 'e.', 'a.', ']e.', 'h\x05.', '(.', 'u.']) expect(() => readPlainPickle(Uint8Array.from(wrong, (c) => c.charCodeAt(0)))).toThrow()
  })
})
