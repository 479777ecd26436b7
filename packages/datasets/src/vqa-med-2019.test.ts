import { appendFile, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dataset } from '@unidiag/core/contracts/dataset'
import { describeShared } from '@unidiag/testing/shared'
import { expect, it } from 'vitest'
import type { z } from 'zod'
import { copyOf } from './release/broken-copy.fixture.js'
import { vqaMed2019 } from './vqa-med-2019.js'

const open = async (options: z.input<typeof vqaMed2019.definition.options>): Promise<Dataset> =>
  vqaMed2019.definition.setup({ needs: {}, options: vqaMed2019.definition.options.parse(options) })
const sizes = (data: Dataset) => data.splits.map((split) => data.samples(split).length)

describeShared('vqa-med-2019', (shared) => {
  const mini = `${shared}/data/mini/vqa-med-2019`
  const references = 'VQAMed2019Test/VQAMed2019_Test_Questions_w_Ref_Answers.txt'
  const planes = 'ImageClef-2019-VQA-Med-Training/QAPairsByCategory/C2_Plane_train.txt'

  it('reads modality, plane and organ by default', async () => {
    const data = await open({ dir: mini })
    expect(data.splits).toEqual(['train', 'val', 'test'])
    expect(sizes(data)).toEqual([72, 36, 4])
    expect(sizes(await open({ dir: mini, categories: ['C1', 'C2', 'C3', 'C4'] }))).toEqual([96, 48, 6])
    expect(sizes(await open({ dir: mini, categories: ['C2'] }))).toEqual([24, 12, 1])
    expect(data.samples('train')[0]).toMatchObject({
      id: 'vqa-med-2019/train/C1/synpic20810',
      imageId: 'synpic20810',
      text: 'what kind of image is this?',
      answers: ['xr - plain film'],
      answerType: 'open',
      fields: { category: 'modality' },
    })
    expect((data.samples('test')[0].image as { file: string }).file).toBe(join(mini, 'VQAMed2019Test/VQAMed2019_Test_Images/synpic54082.jpg'))
    const ids = data.splits.flatMap((split) => data.samples(split).map(({ id }) => id))
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('keeps all right answers of a test question, the first one first', async () => {
    const dir = await copyOf(mini)
    await appendFile(join(dir, references), '\nsynpic54082|plane|which plane?|axial#transverse plane\n')
    expect((await open({ dir })).samples('test').at(-1)).toMatchObject({ answers: ['axial', 'transverse plane'], fields: { category: 'plane' } })
  })

  it('reads lines that end as on Windows, and two questions of a kind about an image', async () => {
    const dir = await copyOf(mini)
    const text = await readFile(join(dir, planes), 'utf8')
    await writeFile(join(dir, planes), `${[...text.split('\n'), text.split('\n')[0]].join('\r\n')}\r\n`)
    const data = await open({ dir, categories: ['C2'] })
    expect(data.samples('train')).toHaveLength(25)
    expect(data.samples('train').every(({ answers }) => !answers![0].includes('\r'))).toBe(true)
    expect(data.samples('train').at(-1)?.id).toBe(`${data.samples('train')[0].id}/2`)
  })

  const broken: [string, string, RegExp][] = [
    [planes, 'a|b', /C2_Plane_train\.txt:2:1: expected 3 fields joined by "\|", found 2/],
    [planes, '../x|which plane?|axial', /C2_Plane_train\.txt:2:1: the image is not a path/],
    [references, 'synpic1|colour|which?|red', /Ref_Answers\.txt:2:1: the category is none of/],
  ]
  it.each(broken)('says where %s is malformed: %s', async (file, line, message) => {
    const dir = await copyOf(mini)
    const [first, ...rest] = (await readFile(join(dir, file), 'utf8')).split('\n')
    await writeFile(join(dir, file), [first, line, ...rest].join('\n'))
    const error = (await open({ dir }).catch((e: unknown) => e)) as Error
    expect(error).toMatchObject({ code: 'DATA_MALFORMED' })
    expect(error.message).toMatch(message)
  })

  it('says what is missing', async () => {
    const dir = await copyOf(mini)
    await rm(join(dir, planes))
    await expect(open({ dir })).rejects.toMatchObject({ code: 'DATA_MISSING', message: expect.stringContaining('C2_Plane_train.txt') })
    expect(sizes(await open({ dir, categories: ['C1'] }))).toEqual([24, 12, 2])
  })
})
