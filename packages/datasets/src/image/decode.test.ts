import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../release/broken-copy.fixture.js'
import { decode } from './decode.js'

const SIDE = 16
const RGB = [200, 80, 30]
const colour = () => sharp(Buffer.from(Array.from({ length: SIDE * SIDE }, () => RGB).flat()), { raw: { width: SIDE, height: SIDE, channels: 3 } })

async function decoded(bytes: Uint8Array, name = 'image') {
  const file = join(await temporaryFolder(), name)
  await writeFile(file, bytes)
  return decode(file)
}

const first = ({ data }: { data: Uint8Array }) => [...data.subarray(0, 3)]
const near = (actual: number[], expected: number[], by: number) =>
  actual.forEach((value, i) => void expect(Math.abs(value - expected[i])).toBeLessThanOrEqual(by))

describe('decode', () => {
  it('reads JPEG and PNG to the same size and colour', async () => {
    expect(await decoded(await colour().png().toBuffer())).toMatchObject({ width: SIDE, height: SIDE, channels: 3 })
    expect(first(await decoded(await colour().png().toBuffer()))).toEqual(RGB)
    near(first(await decoded(await colour().jpeg({ quality: 100 }).toBuffer())), RGB, 3)
  })

  it('reads grey', async () => {
    const grey = Buffer.from(Array.from({ length: SIDE * SIDE }, (_, i) => i))
    const { data, channels } = await decoded(
      await sharp(grey, { raw: { width: SIDE, height: SIDE, channels: 1 } })
        .toColourspace('b-w')
        .png()
        .toBuffer(),
    )
    for (let i = 0; i < SIDE * SIDE; i++) expect(data[i * channels]).toBe(i)
  })

  it('keeps the upper 8 of 16 bits', async () => {
    const deep = Uint16Array.from({ length: SIDE * SIDE }, (_, i) => i * 256 + 200)
    const png = await sharp(deep, { raw: { width: SIDE, height: SIDE, channels: 1 } })
      .toColourspace('grey16')
      .png()
      .toBuffer()
    expect((await sharp(png).metadata()).depth).toBe('ushort')
    const { data, channels } = await decoded(png)
    for (let i = 0; i < SIDE * SIDE; i++) expect(data[i * channels]).toBe(i)
  })

  it('looks up palettes and drops alpha', async () => {
    const png = await colour().ensureAlpha(0.3).png({ palette: true }).toBuffer()
    expect(await sharp(png).metadata()).toMatchObject({ isPalette: true, hasAlpha: true })
    expect(first(await decoded(png))).toEqual(RGB)
  })

  it('turns CMYK into RGB as white minus ink', async () => {
    const jpeg = await colour().toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer()
    expect((await sharp(jpeg).metadata()).space).toBe('cmyk')
    const { data } = await sharp(jpeg, { ignoreIcc: true }).pipelineColourspace('cmyk').toColourspace('cmyk').raw().toBuffer({ resolveWithObject: true })
    const [c, m, y, k] = data
    const expected = [c, m, y].map((ink) => ((255 - ink) * (255 - k)) / 255)
    const picture = await decoded(jpeg)
    expect(picture.channels).toBe(3)
    near(first(picture), expected, 1)
  })

  it.each([
    ['a truncated JPEG', async () => (await colour().resize(64, 64).jpeg().toBuffer()).subarray(0, -20), /premature end/],
    ['a truncated PNG', async () => (await colour().resize(64, 64).png().toBuffer()).subarray(0, -40), /./],
    ['an empty file', async () => Buffer.alloc(0), /empty/],
    ['text', async () => Buffer.from('no image'), /unsupported image format/],
    ['a drawing', async () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="5" height="5"/>'), /svg is not supported/],
  ])('refuses %s, naming the file', async (_, bytes, reason) => {
    const error = await decoded(await bytes(), 'broken.jpg').catch((e: unknown) => e)
    expect(error).toMatchObject({ code: 'IMAGE_UNREADABLE', message: expect.stringContaining('broken.jpg') })
    expect((error as Error).message).toMatch(reason)
  })

  it('says that a file is missing', async () => {
    await expect(decode('/nowhere/lost.jpg')).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE', message: '/nowhere/lost.jpg: the file does not exist' })
  })
})
