import { describe, expect, it } from 'vitest'
import { tokenizerFromJson } from './tokenizer-json.js'
import { trainBpe } from './train-bpe.js'

const json = trainBpe(['what is in the left lung? in the left lung'], { vocabSize: 300, minFrequency: 2 })
const faultOf = (text: string): unknown => {
  try {
    return tokenizerFromJson(text, 'some/tokenizer.json')
  } catch (fault) {
    return fault
  }
}

describe('tokenizerFromJson', () => {
  it('counts words by the space before them; special tokens belong to none', () => {
    const { encode, words } = tokenizerFromJson(json, 'test')
    const [text, starts] = ['in the left lung?', [0, 1, 2, 3]]
    const indices = words(text)
    expect(indices).toHaveLength(encode(text).length)
    expect([indices[0], indices.at(-1)]).toEqual([-1, -1])
    expect([...new Set(indices.slice(1, -1))]).toEqual(starts)
    expect(indices.at(-2)).toBe(3) // "?" belongs to "lung"
    expect(words(' in')[1]).toBe(0)
    expect(words('x\ty\nz').slice(1, -1)).toEqual([0, 1, 1, 2, 2])
    expect(words('x<mask>y')).toEqual([-1, 0, -1, 1, -1])
  })

  it('can be made again from what it shows', () => {
    const first = tokenizerFromJson(json, 'test')
    const second = tokenizerFromJson(first.json as string, 'test')
    expect(second.fingerprint).toBe(first.fingerprint)
    expect(second.encode('the lung')).toEqual(first.encode('the lung'))
  })

  it.each([
    ['half a file', json.slice(0, 1000), /not JSON/],
    ['another kind of tokenizer', JSON.stringify({ ...JSON.parse(json), pre_tokenizer: { type: 'BertPreTokenizer' } }), /pre_tokenizer/],
    ['no mask token', json.replaceAll('<mask>', '<gone>'), /no token <mask>/],
    ['nothing of the kind', '[]', /RoBERTa template/],
  ])('refuses %s and says what is wrong', (_, text, message) => {
    expect(faultOf(text)).toMatchObject({ name: 'UniDiagError', code: 'DATA_MALFORMED', message: expect.stringMatching(message) })
    expect((faultOf(text) as Error).message).toContain('some/tokenizer.json')
  })
})
