import { createHash } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describeShared } from '@unidiag/testing/shared'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../release/broken-copy.fixture.js'
import { decode, decodeBytes } from '../decode.js'
import { lookupTableCases } from './lookup-table.fixture.js'
import { isDicom } from './parse-dicom.js'

const hash = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex').slice(0, 16)

/** The bars of the images that are called SC_rgb, as pydicom describes them. */
const COLOURS = [
  [255, 0, 0],
  [255, 128, 128],
  [0, 255, 0],
  [128, 255, 128],
  [0, 0, 255],
  [128, 128, 255],
  [0, 0, 0],
  [64, 64, 64],
  [192, 192, 192],
  [255, 255, 255],
]

/** Plans, reports, waveforms, and what is left of files that test one element. */
const withoutImage = [
  ...['rtplan', 'rtstruct', 'reportsi', 'reportsi_with_empty_number_tags', 'test-SR', 'waveform_ecg', 'UN_sequence', 'empty_charset_LEI', 'priv_SQ'],
  ...['no_meta_group_length', 'ExplVR_BigEndNoMeta', 'ExplVR_LitEndNoMeta'],
]

describeShared('DICOM images', (shared) => {
  const at = (name: string): string => `${shared}/data/dicom/pydicom/${name}.dcm`
  const read = (name: string, frame = 0) => decode(at(name), frame)
  const distance = (a: Uint8Array, b: Uint8Array): number => a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0)

  // numpy: int16 pixels times slope plus intercept; MR_small names a window, CT_small none.
  it('shows the window of a file, or all of its values', async () => {
    expect(hash((await read('MR_small')).data)).toBe('38ab8d87e706bf8d')
    expect(hash((await read('CT_small')).data)).toBe('93a18f934884c6cf')
  })

  it('shows a window that is asked for', async () => {
    const view = { plane: 'axial', window: { center: 40, width: 400 } } as const
    expect(hash((await decode(at('CT_small'), 0, view)).data)).toBe('aca6468b46188fc1')
  })

  // The same image in several transfer syntaxes: all lossless ones are equal.
  it.each([
    [
      'MR_small',
      ['MR_small_implicit', 'MR_small_bigendian', 'MR_small_expb', 'MR_small_RLE', 'MR_small_jp2klossless', 'MR_small_jpeg_ls_lossless', 'MR_small_padded'],
    ],
    ['SC_rgb_rle', ['SC_rgb_gdcm_KY', 'SC_rgb_rle_16bit', 'SC_rgb_rle_32bit', 'SC_rgb_jpeg_gdcm', 'SC_rgb_rle_2frame']],
    ['SC_rgb_small_odd', ['SC_rgb_small_odd_big_endian']],
    ['rtdose', ['rtdose_expb', 'rtdose_rle', 'rtdose_1frame', 'rtdose_expb_1frame', 'rtdose_rle_1frame']],
    ['liver_1frame', ['liver_expb_1frame']],
  ])('reads %s the same in every transfer syntax', async (name, others) => {
    const { data, width, height, channels } = await read(name)
    expect(data).toHaveLength(width * height * channels)
    expect(new Set(data).size).toBeGreaterThan(1)
    for (const other of others) expect(hash((await read(other)).data), other).toBe(hash(data))
  })

  it.each([
    'SC_rgb_rle',
    'SC_rgb_jls_lossy_line',
    'SC_rgb_jls_lossy_sample',
    'SC_rgb_dcmtk_+eb+cr',
    'SC_rgb_dcmtk_+eb+cy+np',
    'SC_rgb_dcmtk_+eb+cy+n1',
    'SC_rgb_jpeg_lossy_gdcm',
  ])('reads the ten colours of %s', async (name) => {
    const { data, width } = await read(name)
    for (const [i, colour] of COLOURS.entries()) {
      const start = ((5 + 10 * i) * width + 50) * 3
      for (let c = 0; c < 3; c++) expect(Math.abs(data[start + c] - colour[c]), `${i}/${c}`).toBeLessThanOrEqual(6)
    }
  })

  it('spreads and transforms chroma as the JPEG decoder does', async () => {
    expect(distance((await read('SC_ybr_full_422_uncompressed')).data, (await read('SC_rgb_dcmtk_+eb+cy+n2')).data)).toBeLessThanOrEqual(1)
  })

  it('leaves components alone that are colours, with and without a mark', async () => {
    expect([...(await read('SC_jpeg_no_color_transform')).data.subarray(0, 3)]).toEqual([244, 244, 244])
    expect([...(await read('SC_jpeg_no_color_transform_2')).data.subarray(0, 3)]).toEqual([244, 246, 246])
  })

  it.each([
    ['image_dfl', 512, 512, 1],
    ['examples_palette', 800, 350, 3],
    ['examples_rgb_color', 320, 240, 3],
    ['examples_ybr_color', 320, 240, 3],
    ['examples_jpeg2k', 640, 480, 3],
    ['examples_overlay', 484, 300, 1],
    ['J2K_pixelrep_mismatch', 512, 512, 1],
    ['693_J2KI', 512, 512, 1],
    ['JPEGLSNearLossless_16', 10, 50, 1],
    ['GDCMJ2K_TextGBR', 400, 400, 3],
    ['ExplVR_BigEnd', 80, 60, 3],
  ])('reads %s', async (name, width, height, channels) => {
    const picture = await read(name)
    expect([picture.width, picture.height, picture.channels]).toEqual([width, height, channels])
    expect(new Set(picture.data).size).toBeGreaterThan(5)
  })

  it('chooses a frame, the middle one by default', async () => {
    const frames = await Promise.all(Array.from({ length: 15 }, (_, i) => read('rtdose_rle', i)))
    expect(new Set(frames.map(({ data }) => hash(data))).size).toBe(15)
    expect((await decode(at('rtdose_rle'))).data).toEqual(frames[7].data)
    for (const [i, { data }] of frames.entries()) expect((await read('rtdose_expb', i)).data).toEqual(data)
    await expect(read('rtdose', 15)).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE', message: expect.stringContaining('frames go from 0 to 14') })
  })

  it('shows MONOCHROME1 with low values white', async () => {
    const bytes = await readFile(at('MR_small'))
    const { data } = await read('MR_small')
    bytes.write('MONOCHROME1 ', bytes.indexOf('MONOCHROME2'), 'latin1')
    const inverted = await decodeBytes('a.dcm', async () => bytes)
    expect(inverted.data).toEqual(data.map((value) => 255 - value))
  })

  it('reads files within gzip, and without a preamble', async () => {
    expect(await decode(`${shared}/data/dicom/nibabel/siemens_dwi_0.dcm.gz`)).toMatchObject({ width: 896, height: 896 })
    const bytes = await readFile(at('MR_small'))
    const bare = await decodeBytes('a.dcm', async () => bytes.subarray(132))
    expect(bare.data).toEqual((await read('MR_small')).data)
    const noMeta = bytes.subarray(144 + bytes.readUInt32LE(140))
    expect((await decodeBytes('a.dcm', async () => noMeta)).data).toEqual(bare.data)
  })

  it.each<readonly [string, RegExp]>([
    ['MR_truncated', /ends too early/],
    ['rtplan_truncated', /ends too early/],
    ['nested_priv_SQ', /an element in it has a wrong length/],
    ['meta_missing_tsyntax', /names no transfer syntax/],
    ['no_meta', /unsupported image format: neither .*, nor DICOM or NIfTI/],
    ['JPEG2000-embedded-sequence-delimiter', /the pixel data end too early/],
    ...withoutImage.map((name) => [name, /holds no image/] as const),
  ])('says why %s cannot be read', async (name, message) => {
    await expect(read(name)).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE', message: expect.stringMatching(message) })
  })

  it('reads every other file', async () => {
    const names = (await readdir(dirname(at('x')))).filter((name) => name.endsWith('.dcm')).map((name) => name.slice(0, -4))
    const readable: string[] = []
    for (const name of names)
      await decode(at(name)).then(
        () => readable.push(name),
        (error) => expect(error, name).toMatchObject({ code: 'IMAGE_UNREADABLE' }),
      )
    expect([names.length, readable.length]).toEqual([78, 60])
  })

  it('reads a file without the types of its elements, whose JPEG has a mark that is cut short', async () => {
    const { data } = await read('SC_rgb_jpeg')
    // pydicom: RGB from 134 to 252, and this at the first pixel.
    expect([...data.subarray(0, 3)]).toEqual([244, 244, 244])
    expect(data.reduce((low, value) => Math.min(low, value))).toBe(134)
  })

  it('says that a file is cut short, whatever its transfer syntax', async () => {
    const dir = await temporaryFolder()
    for (const name of [
      'JPGExtended',
      'MR_small',
      'MR_small_RLE',
      'MR_small_jp2klossless',
      'MR_small_jpeg_ls_lossless',
      'SC_rgb_dcmtk_+eb+cr',
      'SC_rgb_jpeg_gdcm',
      'image_dfl',
    ]) {
      const bytes = await readFile(at(name))
      const file = join(dir, `${name}.dcm`)
      await writeFile(file, bytes.subarray(0, Math.floor(bytes.length * 0.7)))
      await expect(decode(file), name).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' })
    }
  })

  it.each(['MR_small_jpeg_ls_lossless', 'MR_small_jp2klossless'])('reads the next image after a damaged one: %s', async (name) => {
    const bytes = await readFile(at(name))
    const start = bytes.indexOf(Uint8Array.of(0xff, name.includes('_ls_') ? 0xd8 : 0x4f))
    bytes.fill(0xff, start + 2, start + 40)
    for (let i = 0; i < 3; i++) await expect(decodeBytes('a.dcm', async () => bytes)).rejects.toMatchObject({ message: expect.stringMatching(/damaged|early/) })
    expect((await read(name)).data).toEqual((await read('MR_small')).data)
  })

  it('refuses a transfer syntax without a decoder', async () => {
    const bytes = await readFile(at('MR_small_RLE'))
    bytes.write('1.2.840.10008.1.2.9', bytes.indexOf('1.2.840.10008.1.2.5'), 'latin1')
    await expect(decodeBytes('a.dcm', async () => bytes)).rejects.toMatchObject({ message: expect.stringContaining('1.2.840.10008.1.2.9 is not supported') })
  })
})

describe('lookup tables and windows', () => {
  it.each(lookupTableCases)('shows $name as pydicom does', async ({ file, low, high, shown }) => {
    const { data } = await decodeBytes('a.dcm', async () => gunzipSync(Buffer.from(file, 'base64')))
    const expected = shown.map((value) => Math.round(((value - low) * 255) / (high - low)))
    expect([...data]).toEqual(expected)
  })

  it('shows a window that is asked for in place of a table of shades', async () => {
    const [, { file }] = lookupTableCases
    const view = { plane: 'axial', window: { center: 9, width: 16 } } as const
    const { data } = await decodeBytes('a.dcm', async () => gunzipSync(Buffer.from(file, 'base64')), 0, view)
    expect([...data]).toEqual([0, 34, 68, 102, 136, 170, 204, 238, 255])
  })
})

describe('isDicom', () => {
  it('knows other files from DICOM', () => {
    for (const text of ['', 'DICM', '\u00ff\u00d8\u00ff\u00e0 JPEG with more text', 'GIF89a and more text', '\x89PNG\r\n\x1a\n and more text'])
      expect(isDicom(Uint8Array.from(text, (char) => char.charCodeAt(0)))).toBe(false)
  })
})
