import type { ImageSource, Sample } from '@unidiag/core/contracts/dataset'
import { decode, decodeBytes } from './decode.js'
import type { View } from './grey-window.js'
import type { Picture } from './picture.js'

/** What distinguishes an image from others: its file and frame, its name, or itself. */
export const keyOf = (image: ImageSource): unknown => {
  if ('file' in image) return image.frame === undefined ? image.file : `${image.file}#${image.frame}`
  return 'encoded' in image ? image.name : image.pixels
}

/** The name of a sample's image in reports. */
export const imageNameOf = ({ image, imageId }: Sample): string => ('pixels' in image ? imageId : String(keyOf(image)))

/** The pixels of an image. @throws UniDiagError IMAGE_UNREADABLE */
export async function readPicture(image: ImageSource, view?: View): Promise<Picture> {
  if ('pixels' in image) return image.pixels()
  return 'encoded' in image ? decodeBytes(image.name, image.encoded, undefined, view) : decode(image.file, image.frame, view)
}
