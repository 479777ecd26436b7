import { readFile } from 'node:fs/promises'
import { UniDiagError } from '@unidiag/core/errors'
import sharp from 'sharp'
import type { Picture } from './picture.js'

/** Formats of pixels. Drawings and documents, which can refer to other files, are refused. */
const FORMATS = ['jpeg', 'png', 'tiff', 'webp', 'gif', 'heif', 'avif']

/** C, M, Y, K to red, green, blue without a colour profile, as Pillow does. */
function cmykToRgb(cmyk: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((cmyk.length / 4) * 3)
  for (let i = 0, o = 0; i < cmyk.length; i += 4) {
    const white = 255 - cmyk[i + 3]
    for (let c = 0; c < 3; c++) rgb[o++] = white - Math.round((cmyk[i + c] * white) / 255)
  }
  return rgb
}

/** The system's words for a file that cannot be read, without the path (it is in the message already). */
function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'the file does not exist'
  return code ? `the file cannot be read (${code})` : message
}

/**
 * Decodes a file to 8-bit grey or RGB: alpha and colour profiles are dropped, 16 bits keep the upper 8, palettes are looked up,
 * the first page counts, and orientation tags are ignored (Pillow does the same).
 * @throws UniDiagError IMAGE_UNREADABLE when the file is missing, truncated, or not an image
 */
export function decode(file: string): Promise<Picture> {
  return decodeBytes(file, () => readFile(file))
}

/** Decodes bytes as `decode` does those of a file; `name` is what errors show. */
export async function decodeBytes(name: string, read: () => Promise<Uint8Array>): Promise<Picture> {
  try {
    const bytes = await read()
    const image = sharp(bytes, { failOn: 'truncated', ignoreIcc: true })
    const { format, space } = await image.metadata()
    if (!FORMATS.includes(format)) throw new Error(`the format ${format} is not supported`)
    const ready = space === 'cmyk' ? image.pipelineColourspace('cmyk').toColourspace('cmyk') : image.toColourspace('srgb').removeAlpha()
    const { data, info } = await ready.raw().toBuffer({ resolveWithObject: true })
    const { width, height, channels } = info
    if (space === 'cmyk' && channels === 4) return { data: cmykToRgb(data), width, height, channels: 3 }
    if (channels !== 1 && channels !== 3) throw new Error(`${channels} channels are not supported`)
    return { data, width, height, channels }
  } catch (error) {
    throw new UniDiagError('IMAGE_UNREADABLE', `${name}: ${reasonOf(error)}`, { cause: error })
  }
}
