import { memory, mul, randomNormal, type Scalar, sum, type Tensor2D, tensor, tidy } from '@tensorflow/tfjs-core'
import type { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { computeGradients } from '@unidiag/core/nn/compute-gradients'
import { Forward, inference } from '@unidiag/core/nn/forward'
import { Parameters as Store } from '@unidiag/core/nn/parameter'
import { Random } from '@unidiag/core/random'
import { useBackend } from '@unidiag/testing/backends'
import { setUp } from '@unidiag/testing/set-up'
import { afterEach, describe, expect, it } from 'vitest'
import { roberta } from './roberta.js'

const tiny = { width: 12, layers: 2, heads: 3, ffn: 24, maxPositions: 16, maxLength: 8 }
type Options = Parameters<typeof roberta>[0]
const random = new Random(5)

describe('roberta', () => {
  useBackend()
  let parameters = new Store(new Random(0))
  afterEach(() => {
    parameters.dispose()
    parameters = new Store(new Random(0))
  })
  const make = (options: Options = {}, tokenizer?: Partial<Tokenizer>) => setUp(roberta({ ...tiny, ...options }), { parameters, tokenizer })
  const special = { bos: 0, pad: 1, eos: 2, unk: 3, mask: 19 }
  const inputs = (rows: number[][]) => {
    const shape: [number, number] = [rows.length, rows[0].length]
    return [
      tensor(rows, shape, 'int32') as Tensor2D,
      tensor(
        rows.map((row) => row.map((id) => Number(id !== 1))),
        shape,
      ) as Tensor2D,
    ] as const
  }

  it('takes the vocabulary of the tokenizer', async () => {
    expect((await make({}, { vocabSize: 20, special })).vocabSize).toBe(20)
    expect(parameters.get('language_encoder.embeddings.word_embeddings.weight').shape).toEqual([20, 12])
  })

  it('refuses a vocabulary smaller than the tokenizer, none at all, and padding of another id', async () => {
    await expect(make({ vocabSize: 19 }, { vocabSize: 20, special })).rejects.toThrow(
      expect.objectContaining({ code: 'TENSOR_SHAPE', message: expect.stringMatching(/19 rows.*20/) }),
    )
    await expect(make()).rejects.toThrow(expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining('vocabSize') }))
    await expect(make({}, { vocabSize: 20, special: { ...special, pad: 0 } })).rejects.toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })

  it('refuses texts that are longer than its positions', async () => {
    expect(roberta.definition.options.safeParse({ ...tiny, maxLength: 15 }).error?.issues).toMatchObject([{ path: ['maxLength'] }])
    const encoder = await make({ vocabSize: 20 })
    tidy(() => {
      const [ids, mask] = inputs([Array<number>(15).fill(4)])
      expect(() => encoder.encode(ids, mask, inference())).toThrow(expect.objectContaining({ code: 'TEXT_TOO_LONG' }))
    })
  })

  it('gives a text the same tokens however much padding follows', async () => {
    const encoder = await make({ vocabSize: 20 })
    const before = memory().numTensors
    tidy(() => {
      const text = [0, 7, 9, 4, 2]
      const rows = [0, 1, 4].map((padding) => {
        const out = encoder.encode(...inputs([[...text, ...Array<number>(padding).fill(1)]]), inference())
        expect(out.shape).toEqual([1, text.length + padding, 12])
        return out.dataSync().subarray(0, text.length * 12)
      })
      for (const padded of rows.slice(1)) for (const [i, value] of padded.entries()) expect(value).toBeCloseTo(rows[0][i], 5)
    })
    expect(memory().numTensors).toBe(before)
  })

  it('gives every parameter a gradient, and the padding rows none', async () => {
    const encoder = await make({ vocabSize: 20 })
    const { gradients } = computeGradients(parameters.all(), () => {
      const out = encoder.encode(
        ...inputs([
          [0, 7, 9, 4, 2, 1],
          [0, 5, 2, 1, 1, 1],
        ]),
        inference(),
      )
      return { total: sum(mul(out, randomNormal(out.shape, 0, 1, 'float32', 2))) as Scalar, parts: {} }
    })
    expect(gradients.size).toBe(parameters.all().length)
    for (const [name, gradient] of gradients) {
      const values = gradient.dataSync()
      // Softmax does not see the bias of the keys: its gradient is zero but for rounding.
      if (!name.endsWith('.key.bias')) expect(Math.max(...values.map(Math.abs)), name).toBeGreaterThan(0)
      if (/(word|position)_embeddings/.test(name)) {
        expect(Math.max(...values.subarray(12, 24).map(Math.abs)), name).toBe(0)
        expect(Math.max(...values.subarray(24, 36).map(Math.abs)), name).toBeGreaterThan(0)
      }
      gradient.dispose()
    }
  })

  it('drops out in training, by the random numbers of the pass', async () => {
    const encoder = await make({ vocabSize: 20 })
    const run = (forward: Forward) => tidy(() => [...encoder.encode(...inputs([[0, 7, 9, 2]]), forward).dataSync()])
    const training = (stream: string) => new Forward({ training: true, rng: (call) => random.rng(stream, call) })
    expect(run(training('a'))).toEqual(run(training('a')))
    expect(run(training('a'))).not.toEqual(run(training('b')))
    expect(run(training('a'))).not.toEqual(run(inference()))
    const other = new Store(new Random(0))
    const plain = await setUp(roberta({ ...tiny, vocabSize: 20, dropout: 0 }), { parameters: other })
    const passes = [training('a'), inference()].map((forward) => tidy(() => [...plain.encode(...inputs([[0, 7, 9, 2]]), forward).dataSync()]))
    expect(passes[0]).toEqual(passes[1])
    other.dispose()
  })
})
