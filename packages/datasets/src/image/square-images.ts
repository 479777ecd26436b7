import type { ImageSource } from '@unidiag/core/contracts/dataset'
import type { ImageLoader, WorkAhead } from '@unidiag/core/contracts/image-loader'
import { UniDiagError } from '@unidiag/core/errors'
import type { Rng } from '@unidiag/core/random'
import { randomResizedCrop, resizeAndCenterCrop } from './geometry.js'
import type { View } from './grey-window.js'
import { limit } from './limit.js'
import type { Picture } from './picture.js'
import { PixelCache } from './pixel-cache.js'
import { keyOf, readPicture } from './read-picture.js'
import { type Geometry, resample } from './resample.js'
import { ResizePool } from './resize-pool.js'
import { workAhead } from './work-ahead.js'

export interface SquareImagesOptions {
  readonly size: number
  readonly mean: readonly number[]
  readonly std: readonly number[]
  readonly augment: 'none' | 'resized-crop'
  readonly cacheBytes: number
  readonly view: View
  readonly threads: number
}

/** Pictures of up to this many pixels are resized where they are: a message to a thread would take longer. */
const SMALL = 64 * 64

/** Decodes in the pool of libvips, resizes in threads of its own, caches 8-bit squares and normalises them when asked. */
export class SquareImages implements ImageLoader {
  readonly size: number
  readonly ahead: WorkAhead
  readonly #options: SquareImagesOptions
  readonly #cache: PixelCache
  readonly #pool: ResizePool
  readonly #inTurn: ReturnType<typeof limit>
  /** Squares being made, so that samples of one image that are loaded together share the work. */
  readonly #pending = new Map<unknown, Promise<Uint8Array>>()
  /** `[3, 256]`: normalised value of each channel and grey level. */
  readonly #table: Float32Array

  constructor(options: SquareImagesOptions) {
    this.size = options.size
    this.#options = options
    this.#cache = new PixelCache(options.cacheBytes)
    this.#pool = new ResizePool(options.threads)
    // One picture being resized and one being decoded for each thread bound the memory of full-size pictures.
    this.#inTurn = limit(2 * options.threads)
    this.ahead = workAhead(options, (image) => this.#make(image, (picture) => resizeAndCenterCrop(picture, this.size)))
    this.#table = Float32Array.from({ length: 3 * 256 }, (_, i) => ((i % 256) / 255 - options.mean[i >> 8]) / options.std[i >> 8])
  }

  async load(image: ImageSource, rng?: Rng): Promise<Float32Array> {
    const augmented = rng && this.#options.augment === 'resized-crop'
    if ('side' in image) this.#refuseOther(image, augmented === true)
    return this.#normalise(augmented ? await this.#make(image, (picture) => randomResizedCrop(picture, this.size, rng)) : await this.#plain(image))
  }

  close(): Promise<void> {
    this.#cache.clear()
    return this.#pool.close()
  }

  async #plain(image: ImageSource): Promise<Uint8Array> {
    const key = keyOf(image)
    const cached = this.#cache.get(key)
    if (cached) return cached
    let pending = this.#pending.get(key)
    if (!pending) {
      pending = this.#make(image, (picture) => resizeAndCenterCrop(picture, this.size))
      this.#pending.set(key, pending)
    }
    try {
      const pixels = await pending
      this.#cache.set(key, pixels)
      return pixels
    } finally {
      this.#pending.delete(key)
    }
  }

  async #make(image: ImageSource, geometryOf: (picture: Picture) => Geometry): Promise<Uint8Array> {
    if ('pixels' in image) {
      const picture = image.pixels()
      // The maker may keep its array, so a thread gets a copy.
      if (picture.width * picture.height > SMALL) return this.#inTurn(() => this.#pool.resize({ ...picture, data: picture.data.slice() }, geometryOf(picture)))
      return resample(picture, geometryOf(picture))
    }
    return this.#inTurn(async () => {
      const picture = await readPicture(image, this.#options.view)
      const geometry = geometryOf(picture)
      if (this.#isWhole(picture, geometry)) return picture.data
      return picture.width * picture.height > SMALL ? this.#pool.resize(picture, geometry) : resample(picture, geometry)
    })
  }

  /** Whether the picture is the square already: resizing would change nothing. */
  #isWhole({ width, height }: Picture, { box }: Geometry): boolean {
    return [width, height, box.width, box.height].every((side) => side === this.size)
  }

  #refuseOther({ name, side }: { readonly name: string; readonly side?: number }, augmented: boolean): void {
    if (side === undefined) return
    if (side !== this.size)
      throw new UniDiagError('OPTION_INVALID', `${name} was prepared as a square of ${side} pixels, but the pipeline takes ${this.size}`, {
        fix: 'Run `unidiag data prepare` with the config that trains.',
      })
    if (augmented)
      throw new UniDiagError('OPTION_INVALID', `${name} was prepared as a square, but a stage asks for random crops, which are made of whole images`, {
        fix: 'Run `unidiag data prepare` with `--pixels whole`, or set `augment: none` for the images.',
      })
  }

  /** `[size, size, 1 or 3]` 8-bit to `[size, size, 3]` */
  #normalise(pixels: Uint8Array): Float32Array {
    const table = this.#table
    const step = pixels.length / (this.size * this.size)
    const [green, blue] = step === 3 ? [1, 2] : [0, 0]
    const out = new Float32Array(this.size * this.size * 3)
    for (let at = 0, o = 0; at < pixels.length; at += step, o += 3) {
      out[o] = table[pixels[at]]
      out[o + 1] = table[256 + pixels[at + green]]
      out[o + 2] = table[512 + pixels[at + blue]]
    }
    return out
  }
}
