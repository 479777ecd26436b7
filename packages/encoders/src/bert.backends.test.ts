import { mul, randomNormal, type Scalar, sum, type Tensor, type Tensor2D, tensor, tidy } from '@tensorflow/tfjs-core'
import { readSafetensors, type StoredTensor } from '@unidiag/core/io/safetensors'
import { computeGradients } from '@unidiag/core/nn/compute-gradients'
import { Forward, inference } from '@unidiag/core/nn/forward'
import { type FileTensor, Parameters as Store } from '@unidiag/core/nn/parameter'
import { Random } from '@unidiag/core/random'
import { describeBackends } from '@unidiag/testing/backends'
import { setUp } from '@unidiag/testing/set-up'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { bert } from './bert.js'

const tiny = { vocabSize: 40, width: 12, layers: 2, heads: 3, ffn: 20, maxPositions: 10, maxLength: 8 }
const embeddings = 'language_encoder.embeddings'

// bert.reference.py makes the numbers, with transformers.
describeBackends('bert', () => {
  let parameters: Store
  beforeEach(() => {
    parameters = new Store(new Random(0))
  })
  afterEach(() => parameters.dispose())

  const stored = async () => {
    const { tensors } = await readSafetensors(new URL('./bert.reference.safetensors', import.meta.url).pathname)
    return (name: string) => tensors.get(name) as StoredTensor
  }
  const integers = ({ data, shape }: StoredTensor, type: 'int32' | 'float32'): Tensor2D =>
    tensor(Int32Array.from(data as BigInt64Array, Number), shape as [number, number], type)

  async function reference() {
    const { tensors } = await readSafetensors(new URL('./bert.reference.safetensors', import.meta.url).pathname)
    const encoder = await setUp(bert(tiny), { parameters })
    const weights = [...tensors].flatMap(([name, { shape, data }]): [string, FileTensor][] =>
      name.startsWith('weights.bert.e') ? [[name.replace('weights.bert', 'language_encoder'), { shape, data: data as Float32Array }]] : [],
    )
    expect(parameters.load(new Map(weights), { strict: true }).unused).toEqual([])
    return encoder
  }

  it('computes what the BERT of transformers does, layer by layer', async () => {
    const encoder = await reference()
    const of = await stored()
    const seen = new Map<string, ArrayLike<number>>()
    tidy(() => {
      const forward = new Forward({ training: false, tap: (name: string, value: Tensor) => seen.set(name, Float32Array.from(value.dataSync())) })
      encoder.encode(integers(of('ids'), 'int32'), integers(of('mask'), 'float32'), forward)
    })
    for (const [i, name] of [embeddings, ...[0, 1].map((layer) => `language_encoder.encoder.layer.${layer}`)].entries()) {
      const expected = of(`hidden.${i}`).data as Float32Array
      const actual = seen.get(name)!
      expect(actual.length, name).toBe(expected.length)
      expect(Math.max(...expected.map((value, at) => Math.abs(value - actual[at]))), name).toBeLessThan(1e-5)
    }
  })

  it('trains the first token type, every position that is read, and no padding', async () => {
    const encoder = await setUp(bert(tiny), { parameters })
    const { gradients } = computeGradients(parameters.all(), () => {
      const ids = tensor([2, 7, 3, 0, 0, 0], [1, 6], 'int32') as Tensor2D
      const out = encoder.encode(ids, tensor([1, 1, 1, 0, 0, 0], [1, 6]) as Tensor2D, inference())
      return { total: sum(mul(out, randomNormal(out.shape, 0, 1, 'float32', 2))) as Scalar, parts: {} }
    })
    const rows = (name: string) => {
      const values = gradients.get(`${embeddings}.${name}.weight`)!.dataSync()
      return Array.from({ length: values.length / 12 }, (_, row) => values.subarray(12 * row, 12 * (row + 1)).some((value) => value !== 0))
    }
    expect(rows('token_type_embeddings')).toEqual([true, false])
    expect(rows('position_embeddings')).toEqual([...Array(6).fill(true), ...Array(4).fill(false)])
    expect(rows('word_embeddings').flatMap((reached, id) => (reached ? [id] : []))).toEqual([2, 3, 7])
    for (const gradient of gradients.values()) gradient.dispose()
  })

  it('has positions for as many tokens as its table has rows', async () => {
    expect(bert.definition.options.safeParse({ ...tiny, maxLength: 10 }).success).toBe(true)
    expect(bert.definition.options.safeParse({ ...tiny, maxLength: 11 }).error?.issues).toMatchObject([{ path: ['maxLength'] }])
    const encoder = await setUp(bert({ ...tiny, maxLength: 10 }), { parameters })
    const encode = (length: number) =>
      tidy(() => encoder.encode(tensor(Array(length).fill(5), [1, length], 'int32'), tensor(Array(length).fill(1), [1, length]), inference()).shape)
    expect(encode(10)).toEqual([1, 10, 12])
    expect(() => encode(11)).toThrow(expect.objectContaining({ code: 'TEXT_TOO_LONG' }))
  })
})
