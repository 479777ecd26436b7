import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dataset } from '@unidiag/core/contracts/dataset'
import { describeDataset } from '@unidiag/testing/contracts/dataset'
import { describeShared } from '@unidiag/testing/shared'
import { describe, expect, it } from 'vitest'
import type { z } from 'zod'
import { medmnist } from './medmnist.js'
import { temporaryFolder } from './release/broken-copy.fixture.js'
import { readNpy } from './release/read-npz.js'
import { verifyDataset } from './verify.js'

const open = async (options: z.input<typeof medmnist.definition.options>): Promise<Dataset> =>
  medmnist.definition.setup({ needs: {}, options: medmnist.definition.options.parse(options) })

describeShared('medmnist', (shared) => {
  const dir = `${shared}/data/medmnist`

  it('reads images and labels as numpy does', async () => {
    const data = await open({ dir })
    expect(data.name).toBe('pneumoniamnist')
    expect(data.splits.map((split) => data.samples(split).length)).toEqual([3882, 524, 624])
    const test = data.samples('test')
    // numpy: test_labels[:6], test_images[3, 10, :6]
    expect(test.slice(0, 6).map(({ fields }) => fields!.label)).toEqual(['1', '0', '1', '0', '1', '1'])
    expect(test[0]).toMatchObject({ id: 'pneumoniamnist/test/0', answers: ['pneumonia'], answerType: 'closed' })
    const {
      data: pixels,
      width,
      height,
      channels,
    } = (test[3].image as { pixels(): { data: Uint8Array; width: number; height: number; channels: number } }).pixels()
    expect([width, height, channels, pixels.length]).toEqual([28, 28, 1, 784])
    expect([...pixels.subarray(280, 286)]).toEqual([92, 134, 169, 209, 178, 116])
    // numpy: test_images.sum()
    const sum = test.reduce((total, { image }) => total + ('pixels' in image ? image.pixels().data.reduce((a, b) => a + b, 0) : 0), 0)
    expect(sum).toBe(70355184)
  })

  describeDataset('medmnist', () => medmnist({ dir }))

  it('verifies', async () => {
    const report = await verifyDataset('medmnist', dir)
    expect(report.problems).toEqual([])
    expect(report.images).toMatchObject({ referenced: 5030, decoded: 5030 })
    expect(report.variants[0].splits.map(({ split, questions }) => [split, questions])).toEqual([
      ['train', 3882],
      ['val', 524],
      ['test', 624],
    ])
  })

  it('needs names for the classes of other sets', async () => {
    const other = await temporaryFolder()
    await cp(join(dir, 'pneumoniamnist.npz'), join(other, 'mine.npz'))
    await expect(open({ dir: other, set: 'mine' })).rejects.toMatchObject({ message: expect.stringContaining('give them as `labels`') })
    expect((await open({ dir: other, set: 'mine', labels: ['a', 'b'] })).samples('test')[0].answers).toEqual(['b'])
  })

  it.each([
    ['a truncated file', (whole: Buffer) => whole.subarray(0, whole.length / 2)],
    ['nothing', () => Buffer.alloc(0)],
    ['text', () => Buffer.from('\ufeffimage,label')],
  ])('says that a file is no archive: %s', async (_, damage) => {
    const broken = await temporaryFolder()
    await writeFile(join(broken, 'pneumoniamnist.npz'), damage(await readFile(join(dir, 'pneumoniamnist.npz'))))
    await expect(open({ dir: broken })).rejects.toMatchObject({ code: 'DATA_MALFORMED', message: expect.stringContaining('pneumoniamnist.npz: ') })
    expect((await verifyDataset('medmnist', broken)).problems).toMatchObject([{ kind: 'malformed', file: 'pneumoniamnist.npz' }])
  })
})

describe('medmnist', () => {
  it('says what is missing', async () => {
    const dir = await temporaryFolder()
    await expect(open({ dir })).rejects.toMatchObject({ code: 'DATA_MISSING', message: expect.stringContaining('"pneumoniamnist.npz"') })
    expect((await verifyDataset('medmnist', dir)).problems).toHaveLength(1)
  })
})

describe('readNpy', () => {
  const npy = (header: string, data: number[]) => Uint8Array.from([0x93, ...Buffer.from('NUMPY'), 1, 0, header.length, 0, ...Buffer.from(header), ...data])

  it('reads what is there', () => {
    expect(readNpy(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }", [1, 2, 3, 4, 5, 6]))).toEqual({
      shape: [2, 3],
      data: Uint8Array.of(1, 2, 3, 4, 5, 6),
    })
  })

  it.each([
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", /unsigned bytes/],
    ["{'descr': '|u1', 'fortran_order': True, 'shape': (2,), }", /row order/],
    ["{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }", /expected 3 bytes, found 2/],
    ['{}', /no shape/],
  ])('refuses %s', (header, message) => {
    expect(() => readNpy(npy(header, [1, 2]))).toThrow(message)
  })
})
