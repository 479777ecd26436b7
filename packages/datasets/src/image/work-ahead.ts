import { readFile } from 'node:fs/promises'
import type { ImageSource } from '@unidiag/core/contracts/dataset'
import type { WorkAhead } from '@unidiag/core/contracts/image-loader'
import sharp from 'sharp'
import { isDicom } from './dicom/parse-dicom.js'
import type { View } from './grey-window.js'
import { isNifti } from './nifti/nifti-header.js'
import type { Picture } from './picture.js'
import { readPicture } from './read-picture.js'

interface AheadOptions {
  readonly size: number
  readonly view: View
  readonly augment: 'none' | 'resized-crop'
}

/** Ends of names by the formats of the decoder. */
const EXTENSIONS: Readonly<Record<string, string>> = { jpeg: '.jpg', png: '.png', tiff: '.tif', webp: '.webp', gif: '.gif' }

/** One channel where colours are grey: most of radiology, whose files have three all the same. */
function withoutColours({ data, channels, ...size }: Picture): Picture {
  if (channels === 1 || data.some((value, i) => value !== data[i - (i % 3)])) return { data, channels, ...size }
  return { data: Uint8Array.from({ length: data.length / 3 }, (_, i) => data[i * 3]), channels: 1, ...size }
}

/** Without loss; quick to unpack rather than small. */
async function png(picture: Picture): Promise<{ bytes: Uint8Array; extension: string }> {
  const { data, width, height, channels } = withoutColours(picture)
  const image = sharp(data, { raw: { width, height, channels } })
  const bytes = await (channels === 1 ? image.toColourspace('b-w') : image).png({ compressionLevel: 1 }).toBuffer()
  return { bytes, extension: '.png' }
}

/** The bytes of a file of a common format, as they are; `undefined` for others, whose pixels depend on the view or are made in memory. */
async function original(image: ImageSource): Promise<{ bytes: Uint8Array; extension: string } | undefined> {
  if ('pixels' in image) return undefined
  const bytes = 'file' in image ? await readFile(image.file) : await image.encoded()
  if (isDicom(bytes) || isNifti(bytes) || (bytes[0] === 0x1f && bytes[1] === 0x8b)) return undefined
  const extension = EXTENSIONS[(await sharp(bytes).metadata()).format]
  return extension === undefined ? undefined : { bytes, extension }
}

/**
 * Images as files that are quick to read: squares as PNG, whole images as they are, or as PNG where their pixels depend on the view.
 * @param squareOf the 8-bit square of an image, `[size, size, 1 or 3]`
 */
export function workAhead({ size, view, augment }: AheadOptions, squareOf: (image: ImageSource) => Promise<Uint8Array>): WorkAhead {
  return {
    augments: augment !== 'none',
    recipe: (cut) => ({ ...(cut === 'square' && { size }), view }),
    async encode(image, cut) {
      if (cut === 'square') {
        const data = await squareOf(image)
        return png({ data, width: size, height: size, channels: (data.length / (size * size)) as 1 | 3 })
      }
      // Decoded also where its bytes are kept, so that a damaged file is found now.
      const picture = await readPicture(image, view)
      return (await original(image)) ?? png(picture)
    },
  }
}
