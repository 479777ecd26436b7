import { mul, scalar, slice, sub, type Tensor2D, tensor, tidy } from '@tensorflow/tfjs-core'
import { TextEncoder } from '@unidiag/core/contracts/encoders'
import { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { Forward, inference } from '@unidiag/core/nn/forward'
import type { Pipeline } from '@unidiag/core/pipeline'
import type { Plugin } from '@unidiag/core/plugin'
import { Random } from '@unidiag/core/random'
import { describe, expect, it } from 'vitest'
import { useBackend } from '../backends.js'
import { expectClose } from '../operator.js'
import { expectFinite, expectGradientReaches, expectNoLeak, ownParameters, weighted, withTiny } from './tiny-pipeline.js'

export interface TextEncoderCheck {
  /** Parameters that an output is right not to depend on: those that a softmax or a padding row hides. */
  readonly withoutGradient?: (name: string) => boolean
}

/**
 * What every text encoder has to do. Give it a small one that fits the tiny tokenizer (24 tokens).
 * @example describeTextEncoder('roberta', () => roberta({ width: 8, layers: 1, heads: 2, ffn: 16, maxLength: 8, maxPositions: 10 }))
 */
export function describeTextEncoder(
  name: string,
  make: () => Plugin<TextEncoder>,
  { withoutGradient = (name) => name.endsWith('key.bias') }: TextEncoderCheck = {},
): void {
  describe(`${name} as a text encoder`, () => {
    useBackend()
    const training = () => new Forward({ training: true, rng: (call) => new Random(1).rng(call) })
    /** Two texts of 6 places; the last two of the first are padding. */
    const texts = (pipeline: Pipeline) => {
      const { bos, pad, eos = 4 } = pipeline.get(Tokenizer).special
      const ids = [bos, 5, 6, eos, pad, pad, bos, 7, 8, 9, 5, eos]
      return { ids: tensor(ids, [2, 6], 'int32') as Tensor2D, mask: tensor([1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1], [2, 6]) as Tensor2D }
    }
    const encode = (pipeline: Pipeline, forward = inference()) => {
      const { ids, mask } = texts(pipeline)
      return pipeline.get(TextEncoder).encode(ids, mask, forward)
    }

    it('makes a token a place', () =>
      withTiny([make()], (pipeline) => {
        const encoder = pipeline.get(TextEncoder)
        expect(encoder.vocabSize).toBe(pipeline.get(Tokenizer).vocabSize)
        tidy(() => expectFinite(encode(pipeline), [2, 6, encoder.width]))
      }))

    it('reads no padding', () =>
      withTiny([make()], (pipeline) =>
        tidy(() => {
          const encoder = pipeline.get(TextEncoder)
          const { ids, mask } = texts(pipeline)
          const short = [slice(ids, [0, 0], [1, 4]), slice(mask, [0, 0], [1, 4])] as const
          const alone = encoder.encode(short[0], short[1], inference())
          expectClose(slice(encode(pipeline), [0, 0, 0], [1, 4, encoder.width]).dataSync(), alone.dataSync(), 1e-5)
        }),
      ))

    it('depends on every token', () =>
      withTiny([make()], (pipeline) =>
        tidy(() => {
          const encoder = pipeline.get(TextEncoder)
          const { ids, mask } = texts(pipeline)
          const changed = sub(ids, mul(tensor([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0], [2, 6], 'int32'), scalar(1, 'int32'))) as Tensor2D
          const first = (tokens: Tensor2D) => [...slice(encoder.encode(tokens, mask, inference()), [1, 0, 0], [1, 1, encoder.width]).dataSync()]
          expect(first(changed)).not.toEqual(first(ids))
        }),
      ))

    it('refuses texts longer than it has positions for', () =>
      withTiny([make()], (pipeline) =>
        tidy(() => {
          const encoder = pipeline.get(TextEncoder)
          const length = encoder.maxLength + 1
          const long = tensor(new Int32Array(length).fill(5), [1, length], 'int32') as Tensor2D
          const all = tensor(new Float32Array(length).fill(1), [1, length]) as Tensor2D
          expect(() => encoder.encode(long, all, inference())).toThrow(expect.objectContaining({ code: 'TEXT_TOO_LONG' }))
        }),
      ))

    it('has a gradient for every parameter, and leaves no tensor behind', () => {
      const plugin = make()
      return withTiny([plugin], async (pipeline) => {
        const own = (await ownParameters(pipeline, [plugin])).filter((parameter) => !withoutGradient(parameter.name))
        expectNoLeak(() => encode(pipeline))
        expectNoLeak(() => expectGradientReaches(own, () => weighted(encode(pipeline, training()))))
      })
    })

    it('follows from the seed', async () => {
      const output = (seed: number) => withTiny([make()], (pipeline) => read(() => encode(pipeline)), seed)
      expect(await output(1)).toEqual(await output(1))
      expect(await output(1)).not.toEqual(await output(2))
    })
  })
}

const read = (f: () => { dataSync(): ArrayLike<number> }): number[] => {
  let values: number[] = []
  tidy(() => {
    values = Array.from(f().dataSync())
  })
  return values
}
