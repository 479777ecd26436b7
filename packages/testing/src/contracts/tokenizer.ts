import { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import type { Plugin } from '@unidiag/core/plugin'
import { describe, expect, it } from 'vitest'
import { withTiny } from './tiny-pipeline.js'

const texts = ['a b c', 'Is there a  pneumothorax?', 'x', '1.5 cm, left-sided', 'na\u00efve \u2014 \u80ba \ud83e\ude7b', ' ']

/**
 * What every tokenizer has to do.
 * @example describeTokenizer('robertaBpe', () => robertaBpe({ file }))
 */
export function describeTokenizer(name: string, make: () => Plugin<Tokenizer>): void {
  describe(`${name} as a tokenizer`, () => {
    const use = (check: (tokenizer: Tokenizer) => void) => withTiny([make()], (pipeline) => check(pipeline.get(Tokenizer)))

    it('has special tokens of its own in its vocabulary', () =>
      use(({ special, vocabSize }) => {
        const ids = Object.values(special)
        expect(new Set(ids).size).toBe(ids.length)
        for (const id of ids) expect(id >= 0 && id < vocabSize, String(id)).toBe(true)
      }))

    it.each(texts)('frames %j, and knows the word of each token', (text) =>
      use((tokenizer) => {
        const ids = tokenizer.encode(text)
        const words = tokenizer.words(text)
        expect(ids[0]).toBe(tokenizer.special.bos)
        const { eos } = tokenizer.special
        if (eos !== undefined) expect(ids.at(-1)).toBe(eos)
        for (const id of ids) expect(Number.isInteger(id) && id >= 0 && id < tokenizer.vocabSize, String(id)).toBe(true)
        expect(words).toHaveLength(ids.length)
        const inner = words.slice(1, eos === undefined ? undefined : -1)
        expect(words).toEqual([-1, ...inner, ...(eos === undefined ? [] : [-1])])
        expect(inner.every((word) => word >= 0)).toBe(true)
        expect(inner).toEqual([...inner].sort((a, b) => a - b))
        expect(tokenizer.encode(text)).toEqual(ids)
      }),
    )

    it('has an identity', () => use((tokenizer) => expect(tokenizer.fingerprint).not.toBe('')))
  })
}
