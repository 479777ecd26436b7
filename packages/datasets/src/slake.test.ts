import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dataset, Sample } from '@unidiag/core/contracts/dataset'
import { describeShared } from '@unidiag/testing/shared'
import { expect, it } from 'vitest'
import type { z } from 'zod'
import { copyOf } from './release/broken-copy.fixture.js'
import { slake } from './slake.js'

const open = async (options: z.input<typeof slake.definition.options>): Promise<Dataset> =>
  slake.definition.setup({ needs: {}, options: slake.definition.options.parse(options) })
const sizes = (data: Dataset) => data.splits.map((split) => [split, data.samples(split).length])
const imagesOf = (samples: readonly Sample[]) => new Set(samples.map(({ imageId }) => imageId))

describeShared('slake', (shared) => {
  const mini = `${shared}/data/mini/slake`

  it('reads English by default, from the folder above or the folder itself', async () => {
    const data = await open({ dir: mini })
    expect(sizes(data)).toEqual([
      ['train', 199],
      ['val', 68],
      ['test', 57],
    ])
    expect(data.splits.every((split) => data.samples(split).every(({ fields }) => fields?.language === 'en'))).toBe(true)
    expect(sizes(await open({ dir: `${mini}/Slake1.0` }))).toEqual(sizes(data))
    const [sample] = data.samples('train')
    expect(sample.id).toBe('slake/201')
    expect(sample).toMatchObject({ imageId: 'xmlab133', answers: ['X-Ray'], answerType: 'open' })
    expect(sample.fields).toEqual({ organ: 'Lung', modality: 'X-Ray', contentType: 'Modality', baseType: 'vqa', language: 'en' })
    expect((sample.image as { file: string }).file).toBe(`${mini}/Slake1.0/imgs/xmlab133/source.jpg`)
  })

  it('has disjoint splits in one language, and not in both', async () => {
    const shared = async (language: 'en' | 'all') => {
      const data = await open({ dir: mini, language })
      const train = imagesOf(data.samples('train'))
      return [...imagesOf(data.samples('test'))].filter((image) => train.has(image)).length
    }
    expect(await shared('en')).toBe(0)
    expect(await shared('all')).toBeGreaterThan(0)
  })

  it('reads validation.json of the hub too', async () => {
    const dir = join(await copyOf(mini), 'Slake1.0')
    await rename(join(dir, 'validate.json'), join(dir, 'validation.json'))
    expect((await open({ dir })).samples('val')).toHaveLength(68)
    await rename(join(dir, 'validation.json'), join(dir, 'x.json'))
    await expect(open({ dir })).rejects.toMatchObject({ code: 'DATA_MISSING', message: expect.stringContaining('"validate.json", "validation.json"') })
  })

  it('leaves out a question without an answer', async () => {
    const dir = await copyOf(mini)
    const file = join(dir, 'Slake1.0/train.json')
    const rows = JSON.parse(await readFile(file, 'utf8'))
    rows[0].answer = ''
    await writeFile(file, JSON.stringify(rows))
    const train = (await open({ dir })).samples('train')
    expect(train).toHaveLength(198)
    expect(train.some(({ id }) => id === 'slake/201')).toBe(false)
  })

  it('names the row that is malformed', async () => {
    const dir = await copyOf(mini)
    const file = join(dir, 'Slake1.0/test.json')
    const rows = JSON.parse(await readFile(file, 'utf8'))
    rows[3].q_lang = 'fr'
    await writeFile(file, JSON.stringify(rows, null, 1))
    const error = (await open({ dir }).catch((e: unknown) => e)) as Error
    expect(error).toMatchObject({ code: 'DATA_MALFORMED' })
    expect(error.message).toMatch(/test\.json:\d+:2: row 4: "q_lang"/)
  })
})
