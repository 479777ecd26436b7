import { readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dataset } from '@unidiag/core/contracts/dataset'
import { describe, expect, it } from 'vitest'
import type { z } from 'zod'
import { medicat } from './medicat.js'
import { temporaryFolder } from './release/broken-copy.fixture.js'
import { makeRelease } from './release/make-release.fixture.js'
import { verifyDataset } from './verify.js'

const open = async (options: z.input<typeof medicat.definition.options>): Promise<Dataset> =>
  medicat.definition.setup({ needs: {}, options: medicat.definition.options.parse(options) })

const FILE = 'release/s2_full_figures_oa_nonroco_combined_medical_top4_public.jsonl'

/** Ten radiology figures `0` to `9` and two others. Figure 4 has no text of three words, figure 7 two references. */
function release(): Promise<string> {
  const row = (i: number, radiology = true) => ({
    pdf_hash: 'ab12',
    fig_uri: `${i}-Figure1-1.png`,
    s2_caption: i === 4 ? 'Figure 4.' : `Figure ${i}.\n A chest  radiograph.`,
    s2orc_references: i === 7 ? ['We show it in Fig. 7.', '(Fig. 7)', 'Again see Figure 7.'] : null,
    radiology,
    oa_info: i === 0 ? null : { doi: '10.1/1', oa: { is_oa: true, license: i === 1 ? 'cc-by-nc' : 'cc-by' } },
  })
  const rows = [...Array.from({ length: 10 }, (_, i) => row(i)), row(10, false), row(11, false)]
  const figures = rows.map(({ pdf_hash, fig_uri }, i) => [`release/figures/${pdf_hash}_${fig_uri}`, i])
  return makeRelease({ [FILE]: `${rows.map((one) => JSON.stringify(one)).join('\n')}\n`, ...Object.fromEntries(figures) })
}
const figuresOf = (data: Dataset, split: string) => [...new Set(data.samples(split).map(({ imageId }) => imageId.split('_')[1].split('-')[0]))].join('')

describe('medicat', () => {
  it('reads radiology figures in the order and the splits of Python', async () => {
    const data = await open({ dir: await release(), heldOut: 3 })
    // CPython 3.11: random.seed(42), shuffle of 0..9 is 7 3 2 8 | 5 6 9 | 4 0 1; figure 4 says nothing.
    expect(data.splits.map((split) => figuresOf(data, split))).toEqual(['7328', '569', '01'])
  })

  it('has a sample for each text, the caption first', async () => {
    const data = await open({ dir: await release(), heldOut: 3 })
    expect(data.samples('train').slice(0, 3)).toMatchObject([
      { id: 'medicat/ab12_7-Figure1-1.png/0', imageId: 'ab12_7-Figure1-1.png', text: 'Figure 7. A chest radiograph.' },
      { text: 'We show it in Fig. 7.' },
      { text: 'Again see Figure 7.' },
    ])
  })

  it('puts a figure with two rows into one split', async () => {
    const dir = await release()
    const text = await readFile(join(dir, FILE), 'utf8')
    await writeFile(join(dir, FILE), text.replace('"1-Figure1-1.png"', '"7-Figure1-1.png"'))
    const data = await open({ dir, heldOut: 3 })
    expect(data.splits.map((split) => figuresOf(data, split))).toEqual(['328', '569', '70'])
  })

  it('drops samples of missing images, or keeps them', async () => {
    const dir = await release()
    await rm(join(dir, 'release/figures/ab12_7-Figure1-1.png'))
    expect(figuresOf(await open({ dir, heldOut: 3 }), 'train')).toBe('328')
    expect(figuresOf(await open({ dir, heldOut: 3, missing: 'keep' }), 'train')).toBe('7328')
  })

  it('verifies', async () => {
    const dir = await release()
    await rm(join(dir, 'release/figures/ab12_7-Figure1-1.png'))
    await truncate(join(dir, 'release/figures/ab12_3-Figure1-1.png'), 200)
    const report = await verifyDataset('medicat', dir)
    expect(report.problems.map(({ kind, file }) => [kind, file])).toEqual([
      ['broken-image', 'release/figures/ab12_3-Figure1-1.png'],
      ['missing-image', 'release/figures/ab12_7-Figure1-1.png'],
    ])
    expect(report.variants[0].leftOut).toEqual(['medicat/ab12_4-Figure1-1.png'])
    expect(report.notes).toContain('radiology: licences of test: cc-by 9, not stated 1, cc-by-nc 1')
    expect(report.images).toMatchObject({ referenced: 9, missing: 1, decoded: 7 })
  })

  it('ignores a byte order mark', async () => {
    const dir = await release()
    await writeFile(join(dir, FILE), `\ufeff${await readFile(join(dir, FILE), 'utf8')}`)
    expect(figuresOf(await open({ dir, heldOut: 3 }), 'train')).toBe('7328')
  })

  it.each([
    ['nothing', () => '', /:1:1: the file is empty/],
    ['a truncated file', (text: string) => text.slice(0, -20), /:12:\d+: not valid JSON/],
    ['a row that is a list', (text: string) => text.replace(/^.*$/m, '[]'), /:1:1: expected one JSON object a line/],
    ['another column', (text: string) => text.replace('"radiology"', '"radio"'), /:1:1: "radiology"/],
    ['a path out of the folder', (text: string) => text.replace('"0-Figure1', '"../0-Figure1'), /:1:1: "fig_uri": not a path below/],
  ])('says where the file is malformed: %s', async (_, damage, message) => {
    const dir = await release()
    await writeFile(join(dir, FILE), damage(await readFile(join(dir, FILE), 'utf8')))
    await expect(open({ dir })).rejects.toMatchObject({ code: 'DATA_MALFORMED', message: expect.stringMatching(message) })
  })

  it('says that a file is no text', async () => {
    const dir = await release()
    await writeFile(join(dir, FILE), Uint8Array.of(0xff, 0xfe, 0x7b, 0x00))
    await expect(open({ dir })).rejects.toMatchObject({ code: 'DATA_MALFORMED', message: expect.stringContaining('not UTF-8') })
  })

  it('says what is missing', async () => {
    const dir = await temporaryFolder()
    await expect(open({ dir })).rejects.toMatchObject({ code: 'DATA_MISSING', message: expect.stringContaining(FILE) })
    expect((await verifyDataset('medicat', dir)).problems).toHaveLength(2)
  })
})
