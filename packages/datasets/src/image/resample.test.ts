import { readSafetensors } from '@unidiag/core/io/safetensors'
import { describeShared } from '@unidiag/testing/shared'
import { describe, expect, it } from 'vitest'
import { resizeAndCenterCrop } from './geometry.js'
import type { Picture } from './picture.js'
import { resample } from './resample.js'

const MEAN = [0.48145466, 0.4578275, 0.40821073]
const STD = [0.26862954, 0.26130258, 0.27577711]

describeShared('resample against Pillow', (shared) => {
  it.each(['gray_up', 'rgb_down', 'rgb_wide'])('%s is equal to the last grey level', async (name) => {
    const { tensors } = await readSafetensors(`${shared}/parity/hf_io.safetensors`)
    const [input, expected] = [tensors.get(`transform.${name}.in`)!, tensors.get(`transform.${name}.out`)!]
    const [height, width, channels] = input.shape
    const size = expected.shape[1]
    const picture: Picture = { data: Uint8Array.from(input.data as Uint8Array), width, height, channels: channels as 1 | 3 }
    const pixels = resample(picture, resizeAndCenterCrop(picture, size))
    let worst = 0
    for (let i = 0; i < size * size; i++) {
      for (let c = 0; c < 3; c++) {
        const value = Number(expected.data[c * size * size + i]) * STD[c] + MEAN[c]
        worst = Math.max(worst, Math.abs(pixels[i * channels + (c % channels)] - value * 255))
      }
    }
    expect(worst).toBeLessThan(0.01)
  })
})

describe('resample', () => {
  const picture: Picture = { data: Uint8Array.from({ length: 7 * 5 * 3 }, (_, i) => (i * 37) % 256), width: 7, height: 5, channels: 3 }

  it('leaves pixels alone at scale 1', () => {
    const whole = { box: { x: 0, y: 0, width: 7, height: 5 }, target: { width: 7, height: 5 } }
    const cut = resample(picture, { ...whole, window: { x: 2, y: 0, size: 5 } })
    for (let y = 0; y < 5; y++) expect(cut.subarray(y * 15, y * 15 + 15)).toEqual(picture.data.subarray((y * 7 + 2) * 3, (y * 7 + 7) * 3))
  })

  it('sees nothing outside its box', () => {
    const geometry = { box: { x: 2, y: 1, width: 3, height: 3 }, target: { width: 9, height: 9 }, window: { x: 0, y: 0, size: 9 } }
    const masked = picture.data.map((value, i) => {
      const [x, y] = [Math.floor(i / 3) % 7, Math.floor(i / 21)]
      return x >= 2 && x < 5 && y >= 1 && y < 4 ? value : 255 - value
    })
    expect(resample({ ...picture, data: masked }, geometry)).toEqual(resample(picture, geometry))
  })

  it('averages all inputs when it shrinks', () => {
    const stripes: Picture = { data: Uint8Array.from({ length: 64 * 64 }, (_, i) => (i % 2) * 200), width: 64, height: 64, channels: 1 }
    const small = resample(stripes, resizeAndCenterCrop(stripes, 4))
    for (const value of small) expect(Math.abs(value - 100)).toBeLessThan(4)
  })
})
