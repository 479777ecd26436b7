import type { ImageSource } from '@unidiag/core/contracts/dataset'
import { resizeAndCenterCrop } from './image/geometry.js'
import type { Picture } from './image/picture.js'
import { readPicture } from './image/read-picture.js'
import { resample } from './image/resample.js'

export type { Picture } from './image/picture.js'

/** The first part of an image loader's work, by itself: reads and decodes an image. @throws UniDiagError IMAGE_UNREADABLE */
export const decodeImage = (image: ImageSource): Promise<Picture> => readPicture(image)

/** The second part: shorter side to `size`, central square. @returns `[size, size, channels]`, 8 bits */
export const squareOf = (picture: Picture, size: number): Uint8Array => resample(picture, resizeAndCenterCrop(picture, size))
