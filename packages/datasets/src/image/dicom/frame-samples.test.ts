import { readFile } from 'node:fs/promises'
import { describeShared } from '@unidiag/testing/shared'
import { expect, it } from 'vitest'
import { frameSamples } from './frame-samples.js'
import { imageAttributes } from './image-attributes.js'
import { decodeJpeg12 } from './jpeg-12-bit.js'
import { parseDicom } from './parse-dicom.js'
import { pydicomValues } from './pydicom-values.fixture.js'

describeShared('frameSamples', (shared) => {
  async function stored(name: string): Promise<(row: number, column: number) => number> {
    const parsed = parseDicom(await readFile(`${shared}/data/dicom/pydicom/${name}.dcm`))
    const attributes = imageAttributes(parsed.data)
    const { values } = await frameSamples(parsed, 0, attributes)
    return (row, column) => values[row * attributes.columns + column]
  }
  const column = (at: (row: number, column: number) => number, rows: number, of: number, count = 10) =>
    Array.from({ length: count }, (_, i) => at(rows + i, of))

  // Expected values are those of the tests of pydicom, which it checked against GDCM and libjpeg.
  it.each(['MR_small', 'MR_small_jpeg_ls_lossless', 'MR_small_RLE', 'MR_small_jp2klossless'])('reads the stored values of %s', async (name) => {
    expect(column(await stored(name), 55, 35, 9)).toEqual([170, 193, 191, 373, 1293, 2053, 1879, 1683, 1711])
  })

  it.each(pydicomValues)('reads the stored values of %s as pydicom does', async (name, lowest, highest, mean) => {
    const parsed = parseDicom(await readFile(`${shared}/data/dicom/pydicom/${name}.dcm`))
    const { values } = await frameSamples(parsed, 0, imageAttributes(parsed.data))
    let [low, high, sum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0]
    for (const value of values) {
      low = Math.min(low, value)
      high = Math.max(high, value)
      sum += value
    }
    expect([low, high]).toEqual([lowest, highest])
    // Two decoders of JPEG differ in rounding.
    expect(Math.abs(sum / values.length - mean)).toBeLessThan(0.51)
  })

  it('takes the sign from the file where JPEG 2000 has none', async () => {
    const at = await stored('J2K_pixelrep_mismatch')
    expect(at(0, 0)).toBe(-2000)
    expect(column(at, 47, 279)).toEqual([621, 412, 138, -193, -520, -767, -907, -966, -988, -995])
    expect(column(at, 328, 106)).toEqual([-377, -121, 141, 383, 633, 910, 1198, 1455, 1638, 1732])
  })

  it.each(['JPGExtended', 'JPEG-lossy'])('reads the 12 bits of %s', async (name) => {
    const at = await stored(name)
    expect(Math.abs(at(420, 140) - 244)).toBeLessThanOrEqual(1)
    expect(Math.abs(at(230, 120) - 95)).toBeLessThanOrEqual(1)
  })
})

it('says that JPEG of 12 bits is cut short', () => {
  for (const bytes of [[], [0xff, 0xd8], [0xff, 0xd8, 0xff, 0xdb, 0, 67, 0], [0xff, 0xd8, 0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]])
    expect(() => decodeJpeg12(Uint8Array.from(bytes))).toThrow(/ends? too early|lack a table/)
})
