import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { UniDiagError } from '@unidiag/core/errors'
import sharp from 'sharp'
import { isDicom } from './dicom/parse-dicom.js'
import { readDicom } from './dicom/read-dicom.js'
import { defaultView, type View } from './grey-window.js'
import { isNifti, isPair } from './nifti/nifti-header.js'
import { readNifti } from './nifti/read-nifti.js'
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
  if (/unsupported image format/.test(message)) return `unsupported image format: neither ${FORMATS.join(', ')}, nor DICOM or NIfTI`
  // The decoder keeps one message for all threads, and another image may have cleared it.
  if (message === 'Unknown error') return 'the image data are damaged, or end too early'
  return code ? `the file cannot be read (${code})` : message
}

/** Largest file that is unpacked into memory. */
const LARGEST_UNPACKED = 2 ** 31 - 1

const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b

const unzip = promisify(gunzip)

const unpacked = async (bytes: Uint8Array): Promise<Uint8Array> => (isGzip(bytes) ? unzip(bytes, { maxOutputLength: LARGEST_UNPACKED }) : bytes)

/** @param beside reads the file of the same name with another end, where the image is a file */
async function decodeFormat(packed: Uint8Array, frame: number | undefined, view: View, beside?: (end: string) => Promise<Uint8Array>): Promise<Picture> {
  const bytes = await unpacked(packed)
  if (isDicom(bytes)) return readDicom(bytes, frame, view)
  if (isNifti(bytes)) return readNifti(bytes, frame, view, isPair(bytes) && beside ? await unpacked(await beside('.img')) : undefined)
  const image = sharp(bytes, { failOn: 'truncated', ignoreIcc: true })
  const { format, space } = await image.metadata()
  if (!FORMATS.includes(format)) throw new Error(`the format ${format} is not supported`)
  const ready = space === 'cmyk' ? image.pipelineColourspace('cmyk').toColourspace('cmyk') : image.toColourspace('srgb').removeAlpha()
  const { data, info } = await ready.raw().toBuffer({ resolveWithObject: true })
  const { width, height, channels } = info
  if (space === 'cmyk' && channels === 4) return { data: cmykToRgb(data), width, height, channels: 3 }
  if (channels !== 1 && channels !== 3) throw new Error(`${channels} channels are not supported`)
  return { data, width, height, channels }
}

/**
 * Decodes a file to 8-bit grey or RGB: alpha and colour profiles are dropped, 16 bits keep the upper 8, palettes are looked up,
 * the first page counts, and orientation tags are ignored (Pillow does the same). Of DICOM files and NIfTI volumes, also compressed with gzip, a frame or
 * slice is taken: `frame`, or the middle one. A header of NIfTI (`.hdr`) has its voxels in the `.img` beside it.
 * @throws UniDiagError IMAGE_UNREADABLE when the file is missing, truncated, or not an image
 */
export function decode(file: string, frame?: number, view: View = defaultView): Promise<Picture> {
  return attempt(file, async () => decodeFormat(await readFile(file), frame, view, (end) => readBeside(file, end)))
}

/** Decodes bytes as `decode` does those of a file; `name` is what errors show. */
export function decodeBytes(name: string, read: () => Promise<Uint8Array>, frame?: number, view: View = defaultView): Promise<Picture> {
  return attempt(name, async () => decodeFormat(await read(), frame, view))
}

async function readBeside(file: string, end: string): Promise<Uint8Array> {
  const other = file.replace(/\.hdr(\.gz)?$/i, '') + end
  for (const path of [other, `${other}.gz`]) {
    const bytes = await readFile(path).catch(() => undefined)
    if (bytes) return bytes
  }
  throw new Error(`the voxels are in a file of their own, and there is no ${basename(other)} beside it`)
}

async function attempt(name: string, decoded: () => Promise<Picture>): Promise<Picture> {
  try {
    return await decoded()
  } catch (error) {
    throw new UniDiagError('IMAGE_UNREADABLE', `${name}: ${reasonOf(error)}`, { cause: error })
  }
}
