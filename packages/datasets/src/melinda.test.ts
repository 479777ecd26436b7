import { readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dataset } from '@unidiag/core/contracts/dataset'
import { describe, expect, it } from 'vitest'
import { melinda } from './melinda.js'
import { temporaryFolder } from './release/broken-copy.fixture.js'
import { makeRelease } from './release/make-release.fixture.js'
import { verifyDataset } from './verify.js'

const open = async (dir: string): Promise<Dataset> => melinda.definition.setup({ needs: {}, options: melinda.definition.options.parse({ dir }) })

const HEADER = ',figure_file,caption,i_meth,p_meth,i_meth_label,p_meth_label'
const row = (n: number, caption: string) => `${n},PMC${n}_1.jpg,${caption},MI:0004,MI:0001,affinity,${n % 2 ? 'western blot' : 'mass spectrometry'}`

/** The figure 2 is in train and in dev. */
function release(): Promise<string> {
  const images = Object.fromEntries([1, 2, 3, 4].map((n) => [`melinda_images/PMC${n}_1.jpg`, n]))
  return makeRelease({
    'train.csv': [HEADER, row(1, '"(A) Blot, ""anti-X"".\n(B) the same"'), row(2, 'Bands'), row(1, 'Panel B'), ''].join('\n'),
    'dev.csv': [HEADER, row(2, 'Bands again'), ''].join('\n'),
    'test.csv': [HEADER, row(3, 'Spectra'), row(4, ''), ''].join('\n'),
    ...images,
  })
}

describe('melinda', () => {
  it('reads captions and labels; a figure belongs to the last split that has it', async () => {
    const data = await open(await release())
    expect(data.splits.map((split) => data.samples(split).map(({ id }) => id))).toEqual([
      ['melinda/PMC1_1.jpg/0', 'melinda/PMC1_1.jpg/1'],
      ['melinda/PMC2_1.jpg/0', 'melinda/PMC2_1.jpg/1'],
      ['melinda/PMC3_1.jpg/0'],
    ])
    expect(data.samples('train')[0]).toMatchObject({
      text: '(A) Blot, "anti-X". (B) the same',
      fields: { i_meth: 'MI:0004', p_meth: 'MI:0001', i_meth_label: 'affinity', p_meth_label: 'western blot' },
    })
  })

  it('verifies', async () => {
    const dir = await release()
    await rm(join(dir, 'melinda_images/PMC1_1.jpg'))
    await truncate(join(dir, 'melinda_images/PMC2_1.jpg'), 200)
    const report = await verifyDataset('melinda', dir)
    expect(report.problems.map(({ kind, file }) => [kind, file])).toEqual([
      ['missing-image', 'melinda_images/PMC1_1.jpg'],
      ['broken-image', 'melinda_images/PMC2_1.jpg'],
    ])
    expect(report.variants[0].leftOut).toEqual(['melinda/PMC4_1.jpg/0'])
  })

  it('ignores a byte order mark', async () => {
    const dir = await release()
    await writeFile(join(dir, 'train.csv'), `\ufeff${await readFile(join(dir, 'train.csv'), 'utf8')}`)
    expect((await open(dir)).samples('train')).toHaveLength(2)
  })

  it.each([
    ['nothing', () => '', /train\.csv:1:1: the file is empty/],
    ['a truncated file', (text: string) => text.slice(0, text.indexOf('anti')), /train\.csv:2:1: a quoted cell does not end/],
    ['a row that is cut', (text: string) => text.replace(',western blot\n2', '\n2'), /train\.csv:2:1: expected 7 cells, found 6/],
    ['another column', (text: string) => text.replace('p_meth_label', 'label'), /train\.csv:1:1: the header lacks "p_meth_label"/],
    ['a path out of the folder', (text: string) => text.replace('PMC2', '../PMC2'), /train\.csv:4:1: "figure_file": not a path below/],
  ])('says where a file is malformed: %s', async (_, damage, message) => {
    const dir = await release()
    await writeFile(join(dir, 'train.csv'), damage(await readFile(join(dir, 'train.csv'), 'utf8')))
    await expect(open(dir)).rejects.toMatchObject({ code: 'DATA_MALFORMED', message: expect.stringMatching(message) })
  })

  it('says what is missing', async () => {
    const dir = await temporaryFolder()
    await expect(open(dir)).rejects.toMatchObject({ code: 'DATA_MISSING', message: expect.stringContaining('"dev.csv"') })
    expect((await verifyDataset('melinda', dir)).problems).toHaveLength(4)
  })
})
