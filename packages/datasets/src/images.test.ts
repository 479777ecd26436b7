import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ImageSource } from '@unidiag/core/contracts/dataset'
import type { ImageEncoder } from '@unidiag/core/contracts/encoders'
import { Random } from '@unidiag/core/random'
import sharp from 'sharp'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { z } from 'zod'
import { resizeAndCenterCrop } from './image/geometry.js'
import { resample } from './image/resample.js'
import { images } from './images.js'
import { temporaryFolder } from './release/broken-copy.fixture.js'

const MEAN = [0.48145466, 0.4578275, 0.40821073]
const STD = [0.26862954, 0.26130258, 0.27577711]

async function loader(options: z.input<typeof images.definition.options>, encoder?: ImageEncoder) {
  const made = await images.definition.setup({ needs: { encoder } as never, options: images.definition.options.parse(options) })
  onTestFinished(() => images.definition.teardown?.(made))
  return made
}

const WIDTH = 90
const HEIGHT = 70
const noise = Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, (_, i) => (Math.imul(i, 2654435761) >>> 24) & 255)

async function png(name = 'noise.png'): Promise<string> {
  const file = join(await temporaryFolder(), name)
  await sharp(noise, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
    .png()
    .toFile(file)
  return file
}

describe('images', () => {
  it('resizes in a thread as it would here, and normalises', async () => {
    const made = await loader({ size: 24, threads: 1 })
    const pixels = await made.load({ file: await png() })
    const picture = { data: noise, width: WIDTH, height: HEIGHT, channels: 3 as const }
    const expected = resample(picture, resizeAndCenterCrop(picture, 24))
    expect(pixels).toHaveLength(24 * 24 * 3)
    for (let i = 0; i < pixels.length; i++) expect(pixels[i]).toBeCloseTo((expected[i] / 255 - MEAN[i % 3]) / STD[i % 3], 5)
  })

  it('gives the same for pixels in memory, and repeats grey', async () => {
    const made = await loader({ size: 24, threads: 1 })
    const inMemory: ImageSource = { pixels: () => ({ data: noise, width: WIDTH, height: HEIGHT, channels: 3 }) }
    expect(await made.load(inMemory)).toEqual(await made.load({ file: await png() }))
    expect(noise).toHaveLength(WIDTH * HEIGHT * 3)
    const grey = await made.load({ pixels: () => ({ data: new Uint8Array(24 * 24).fill(51), width: 24, height: 24, channels: 1 }) })
    for (let c = 0; c < 3; c++) expect(grey[c]).toBeCloseTo((0.2 - MEAN[c]) / STD[c], 5)
  })

  it('prepares an image once, unless it is augmented', async () => {
    let made = 0
    const source: ImageSource = {
      pixels: () => {
        made++
        return { data: noise, width: WIDTH, height: HEIGHT, channels: 3 }
      },
    }
    const plain = await loader({ size: 16, threads: 1, augment: 'none' })
    await Promise.all([plain.load(source), plain.load(source)])
    await plain.load(source, new Random(0).rng('a'))
    expect(made).toBe(1)
    const augmented = await loader({ size: 16, threads: 1 })
    const [a, again, b, none] = await Promise.all([
      augmented.load(source, new Random(0).rng('a')),
      augmented.load(source, new Random(0).rng('a')),
      augmented.load(source, new Random(0).rng('b')),
      augmented.load(source),
    ])
    expect(a).toEqual(again)
    expect(a).not.toEqual(b)
    expect(none).toEqual(await plain.load(source))
  })

  it('keeps no cache when told so', async () => {
    let made = 0
    const source: ImageSource = {
      pixels: () => {
        made++
        return { data: new Uint8Array(9), width: 3, height: 3, channels: 1 }
      },
    }
    const without = await loader({ size: 3, cacheBytes: 0 })
    await without.load(source)
    await without.load(source)
    expect(made).toBe(2)
  })

  it('loads many at once with few threads', async () => {
    const made = await loader({ size: 16, threads: 2, cacheBytes: 0 })
    const file = await png()
    const all = await Promise.all(
      Array.from({ length: 40 }, (_, i) => made.load({ file: i % 2 ? file : join(file, '..', '..', `${i}.png`) }).catch((e) => e.code)),
    )
    expect(all.filter((one) => one === 'IMAGE_UNREADABLE')).toHaveLength(20)
    expect(all.filter((one) => one instanceof Float32Array)).toHaveLength(20)
  })

  it('loses one file, not the others', async () => {
    const made = await loader({ size: 16 })
    const file = await png()
    const truncated = join(await temporaryFolder(), 'cut.jpg')
    await writeFile(truncated, (await sharp(file).jpeg().toBuffer()).subarray(0, 900))
    await expect(made.load({ file: truncated })).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE', message: expect.stringContaining('cut.jpg') })
    await expect(made.load({ file })).resolves.toHaveLength(16 * 16 * 3)
  })

  it('takes its size from the encoder, and refuses another', async () => {
    const encoder = { imageSize: 48 } as ImageEncoder
    expect((await loader({}, encoder)).size).toBe(48)
    await expect(loader({ size: 32 }, encoder)).rejects.toMatchObject({ code: 'OPTION_INVALID', fix: expect.stringContaining('48') })
    await expect(loader({})).rejects.toMatchObject({ code: 'OPTION_INVALID', message: expect.stringContaining('size') })
  })
})
