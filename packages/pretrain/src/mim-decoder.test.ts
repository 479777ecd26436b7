import { memory, type Tensor2D, type Tensor3D, tensor, tidy } from '@tensorflow/tfjs-core'
import { inference } from '@unidiag/core/nn/forward'
import { useBackend } from '@unidiag/testing/backends'
import { setUp } from '@unidiag/testing/set-up'
import { tinyModel } from '@unidiag/testing/tiny-model'
import { describe, expect, it } from 'vitest'
import { mimDecoder } from './mim-decoder.js'
import { sinCosPositions } from './sin-cos-positions.js'

const sizes = { width: 4, layers: 1, heads: 2 }

describe('mimDecoder', () => {
  useBackend()
  const make = async () => {
    const tiny = tinyModel()
    return { tiny, decoder: await setUp(mimDecoder(sizes), tiny as unknown as Record<string, unknown>) }
  }

  it('puts kept patches back where they were and the mask token elsewhere', async () => {
    const { tiny, decoder } = await make()
    const mask = [...tiny.parameters.get('mim_head.mask_token').value.dataSync()]
    const tokens = [
      [9, 9, 9, 9],
      [1, 1, 1, 1],
      [2, 2, 2, 2],
    ]
    // Order of the shuffle: patches 2, 0, 1, 3; two are kept.
    const restored = tidy(() => decoder.unshuffle(tensor([tokens]) as Tensor3D, tensor([[1, 2, 0, 3]], [1, 4], 'int32') as Tensor2D).arraySync())
    expect(restored).toEqual([[tokens[0], tokens[2], mask, tokens[1], mask]])
  })

  it('predicts the pixels of every patch, and keeps no tensor', async () => {
    const { decoder } = await make()
    const before = memory().numTensors
    const shape = tidy(() => {
      const restore = tensor([[...Array(16).keys()]], [1, 16], 'int32') as Tensor2D
      const decoded = decoder.decode(tensor(new Float32Array(5 * 8), [1, 5, 8]) as Tensor3D, restore, inference())
      expect(decoded.shape).toEqual([1, 17, 4])
      return decoder.predict(decoded).shape
    })
    expect(shape).toEqual([1, 16, 12])
    expect(memory().numTensors).toBe(before)
  })

  it('regenerates its positions when a checkpoint is of another image size, and never trains them', async () => {
    const { tiny } = await make()
    const positions = tiny.parameters.get('mim_head.decoder_pos_embed')
    const report = tiny.parameters.load(new Map([['mim_head.decoder_pos_embed', { shape: [1, 10, 4], data: new Float32Array(40).fill(5) }]]))
    expect(report.adapted).toEqual(['mim_head.decoder_pos_embed'])
    expect([...positions.value.dataSync()]).toEqual([...sinCosPositions(4, 4)])
    expect(tiny.parameters.trainable()).not.toContain(positions)
  })

  it('refuses heads that do not divide its width', async () => {
    await expect(setUp(mimDecoder({ width: 8, heads: 3 }))).rejects.toThrow(/heads/)
  })
})
