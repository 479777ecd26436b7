/** 8-bit pixels, row-major, interleaved: 1 channel is grey, 3 are red, green, blue. */
export interface Picture {
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
}
