import { describe, expect, it } from 'vitest'
import { tokenizerFromJson } from './tokenizer-json.js'
import { smallestVocabulary, trainBpe } from './train-bpe.js'

const texts = [
  'the left lung shows a large nodule',
  'the right lung shows a small nodule',
  'Is there a nodule in the left lung?',
  'Is the nodule large? It is.',
  "don't – 中文 naïve",
]
const train = (vocabSize: number, minFrequency = 2, corpus = texts) => tokenizerFromJson(trainBpe(corpus, { vocabSize, minFrequency }), 'the test')
const tokens = (json: string) => (JSON.parse(json) as { model: { vocab: Record<string, number>; merges: string[] } }).model

describe('trainBpe', () => {
  it('learns the pairs of a corpus in order of their counts', () => {
    // "a a" occurs six times (twice in each aaab), "a b" three times.
    const { merges } = tokens(trainBpe(['aaab aaab', 'aaab'], { vocabSize: 400, minFrequency: 3 }))
    expect(merges[0]).toBe('a a')
    expect(merges).toContain('a b')
  })

  it('puts the special tokens where RoBERTa has them', () => {
    const { special, vocabSize } = train(300, 1)
    expect(special).toEqual({ bos: 0, pad: 1, eos: 2, unk: 3, mask: vocabSize - 1 })
    expect(vocabSize).toBe(300)
  })

  it('encodes any text, also one with bytes it never saw, and wraps it in the template', () => {
    const { encode, vocabSize } = train(smallestVocabulary)
    for (const text of ['', 'lung', ' two  spaces ', '日本 \u0000 \ud83d\ude00']) {
      const ids = encode(text)
      expect(ids).toHaveLength(new TextEncoder().encode(text).length + 2)
      expect([ids[0], ids.at(-1)]).toEqual([0, 2])
      expect(Math.max(...ids)).toBeLessThan(vocabSize)
    }
  })

  it('makes frequent words single tokens and other texts shorter', () => {
    const { encode } = train(1000)
    expect(encode(' nodule')).toHaveLength(3)
    expect(encode('the left lung').length).toBeLessThan(6)
  })

  it('gives ids without gaps, and every merge makes a token', () => {
    const { vocab, merges } = tokens(trainBpe(texts, { vocabSize: 500, minFrequency: 1 }))
    const ids = Object.values(vocab).sort((a, b) => a - b)
    expect(ids).toEqual(ids.map((_, i) => i))
    for (const merge of merges) expect(vocab).toHaveProperty([merge.replace(' ', '')])
  })

  it('depends on the texts, not on their order', () => {
    expect(train(350, 2, [...texts].reverse()).fingerprint).toBe(train(350).fingerprint)
    expect(train(350, 2, [...texts, 'pleural effusion effusion effusion']).fingerprint).not.toBe(train(350).fingerprint)
  })

  it('stops when no pair is frequent enough', () => {
    expect(train(5000, 3).vocabSize).toBeLessThan(train(5000, 1).vocabSize)
    expect(train(5000, 100).vocabSize).toBe(smallestVocabulary)
  })
})
