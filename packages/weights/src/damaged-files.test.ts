import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inFolder } from './fixtures/in-folder.js'
import { dict, int, list, pickle, tensor, text } from './fixtures/pickle.js'
import { zip } from './fixtures/zip.js'
import { readWeights } from './read-weights.js'

const file = inFolder()
const value = dict({
  state_dict: dict({ a: tensor({ key: '0', elements: 4, shape: [2, 2] }), b: tensor({ key: '0', elements: 4, shape: [2], strides: [2] }) }),
  epoch: int(3),
})
const data = new Uint8Array(16).fill(1)
const magic = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e]

const good: Readonly<Record<string, Buffer>> = {
  zip: zip([
    ['archive/data.pkl', pickle(value)],
    ['archive/data/0', data],
  ]),
  'compressed zip64': zip(
    [
      ['archive/data.pkl', pickle(value)],
      ['archive/data/0', data],
    ],
    { zip64: true, deflate: true },
  ),
  legacy: Buffer.concat([
    Uint8Array.from(magic),
    pickle(int(1001)),
    pickle(dict({})),
    pickle(value),
    pickle(list(text('0'))),
    Buffer.from(BigInt64Array.of(4n).buffer),
    data,
  ]),
}

describe('a damaged file', () => {
  it.each(Object.keys(good))('is read or refused, and nothing else: %s', async (format) => {
    const whole = good[format]
    expect((await readWeights(await file('whole', whole))).tensors.size).toBe(2)
    let refused = 0
    const byte = fc.tuple(fc.nat(whole.length - 1), fc.nat(255))
    await fc.assert(
      fc.asyncProperty(fc.array(byte, { maxLength: 4 }), fc.oneof(fc.constant(whole.length), fc.nat(whole.length)), async (changes, end) => {
        const damaged = Buffer.from(whole.subarray(0, end))
        for (const [at, to] of changes) if (at < end) damaged[at] = to
        const path = await file('damaged', damaged)
        await readWeights(path).catch((error) => {
          refused++
          expect(error).toMatchObject({ name: 'UniDiagError', code: 'CHECKPOINT_INVALID', message: expect.stringContaining(path) })
        })
      }),
      { numRuns: 150 },
    )
    expect(refused).toBeGreaterThan(0)
  })
})
