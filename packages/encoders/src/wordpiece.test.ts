import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setUp } from '@unidiag/testing/set-up'
import { describeShared } from '@unidiag/testing/shared'
import { describe, expect, it } from 'vitest'
import { wordpiece } from './wordpiece.js'
import { wordpieceFromJson, wordpieceJson } from './wordpiece-json.js'

const make = (options: Parameters<typeof wordpiece>[0]) => setUp(wordpiece(options))
const vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'is', 'there', 'ple', '##ural', '##ef', 'Ple', '?', 'a']
const json = wordpieceJson(vocabulary.join('\n'), 'vocab.txt', { lowercase: true })

/** Made by wordpiece.reference.py. */
const mimicIds = 'eff4c5f466861ac80752d3819569f42aa50aaabf3b9be162cdffab8b31e756de'

describe('wordpiece', () => {
  it('cuts words into the longest pieces, and knows whose they are', () => {
    const { encode, words, special, vocabSize } = wordpieceFromJson(json, 'test')
    expect(special).toEqual({ pad: 0, unk: 1, bos: 2, eos: 3, mask: 4 })
    expect(vocabSize).toBe(13)
    // [CLS] is there ple ##ural ##ef ? [UNK] [SEP]
    const text = 'Is there PLÉUralef? effusion'
    expect(encode(text)).toEqual([2, 5, 6, 7, 8, 9, 11, 1, 3])
    expect(words(text)).toEqual([-1, 0, 1, 2, 2, 2, 3, 4, -1])
    expect(words('a [MASK]')).toEqual([-1, 0, -1, -1])
  })

  it('keeps case and accents of a cased vocabulary', () => {
    const cased = wordpieceFromJson(wordpieceJson(vocabulary.join('\r\n'), 'vocab.txt', { lowercase: false }), 'test')
    expect(cased.encode('Pleural ple is Is')).toEqual([2, 10, 8, 7, 5, 1, 3])
  })

  it('can be made again from what a run saves', () => {
    const saved = wordpieceFromJson(json, 'test')
    expect(wordpieceFromJson(saved.json as string, 'tokenizer.json').fingerprint).toBe(saved.fingerprint)
  })

  it.each([
    ['a line twice', [...vocabulary, 'is'].join('\n'), /line 6 is there twice/],
    ['no [SEP]', vocabulary.filter((token) => token !== '[SEP]').join('\n'), /no token \[SEP\]/],
    ['nothing', '', /no token \[CLS\]/],
  ])('refuses a vocab.txt with %s', (_, text, message) => {
    expect(() => wordpieceJson(text, 'some/vocab.txt', { lowercase: true })).toThrow(
      expect.objectContaining({ code: 'DATA_MALFORMED', message: expect.stringMatching(message) }),
    )
    expect(() => wordpieceJson(text, 'some/vocab.txt', { lowercase: true })).toThrow(/some\/vocab\.txt/)
  })

  it('wants one of `file` and `dir`, and names what is missing', async () => {
    expect(wordpiece.definition.options.safeParse({}).success).toBe(false)
    expect(wordpiece.definition.options.safeParse({ file: 'a', dir: 'b' }).success).toBe(false)
    await expect(make({ dir: '/nowhere/at/all' })).rejects.toMatchObject({
      code: 'DATA_MISSING',
      message: expect.stringContaining('/nowhere/at/all/vocab.txt'),
    })
  })
})

describeShared('wordpiece on published vocabularies', (dir) => {
  const folder = join(dir, 'data/tokenizers')
  const golden = async (name: string) =>
    (await readFile(join(folder, `golden-${name}.jsonl`), 'utf8'))
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { text: string; ids: number[] })

  it.each([
    ['bert-base-uncased', 30522],
    ['scibert-uncased', 31090],
  ])('gives the golden ids of all 3,442 texts: %s', async (name, size) => {
    const { encode, vocabSize } = await make({ dir: join(folder, name) })
    expect(vocabSize).toBe(size)
    const texts = await golden(name)
    expect(texts).toHaveLength(3442)
    expect(texts.filter(({ text, ids }) => encode(text).join() !== ids.join())).toEqual([])
  })

  it('frames a vocabulary without template and end token by [CLS] alone', async () => {
    const { encode, special, vocabSize, words } = await make({ dir: join(folder, 'mimic-wordpiece') })
    expect(vocabSize).toBe(30000)
    expect(special).toEqual({ pad: 0, unk: 1, bos: 2, mask: 3 })
    const texts = (await golden('bert-base-uncased')).map(({ text }) => text)
    const ids = texts.map((text) => {
      const [first, ...rest] = encode(text)
      expect(first).toBe(special.bos)
      return rest.join()
    })
    expect(createHash('sha256').update(ids.join('\n')).digest('hex')).toBe(mimicIds)
    expect(words('B\u00fcro na\u00efve')).toEqual([-1, 0, 0, 1])
  })

  it('refuses a BPE', async () => {
    await expect(make({ dir: join(folder, 'roberta-base') })).rejects.toMatchObject({
      code: 'DATA_MALFORMED',
      message: expect.stringContaining('roberta-base'),
    })
  })
})
