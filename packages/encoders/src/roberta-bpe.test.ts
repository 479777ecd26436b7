import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setUp } from '@unidiag/testing/set-up'
import { describeShared } from '@unidiag/testing/shared'
import { describe, expect, it } from 'vitest'
import { robertaBpe } from './roberta-bpe.js'

const { definition } = robertaBpe
const make = (options: { file?: string; dir?: string }) => setUp(robertaBpe(options))

describe('roberta-bpe', () => {
  it('refuses a missing file, naming it', async () => {
    await expect(make({ dir: '/nowhere/at/all' })).rejects.toMatchObject({
      code: 'DATA_MISSING',
      message: expect.stringContaining('/nowhere/at/all/tokenizer.json'),
    })
  })

  it('wants one of `file` and `dir`', () => {
    expect(definition.options.safeParse({}).success).toBe(false)
    expect(definition.options.safeParse({ file: 'a', dir: 'b' }).success).toBe(false)
    expect(definition.options.safeParse({ file: 'a' }).success).toBe(true)
  })
})

describeShared('roberta-bpe on roberta-base', (dir) => {
  const folder = join(dir, 'data/tokenizers')

  it('gives the golden ids of all 3,442 texts', async () => {
    const { encode } = await make({ dir: join(folder, 'roberta-base') })
    const lines = (await readFile(join(folder, 'golden-roberta-base.jsonl'), 'utf8')).split('\n').filter(Boolean)
    expect(lines).toHaveLength(3442)
    const wrong = lines.map((line) => JSON.parse(line) as { text: string; ids: number[] }).filter(({ text, ids }) => encode(text).join() !== ids.join())
    expect(wrong).toEqual([])
  })

  it('knows its vocabulary, its special tokens and its words', async () => {
    const file = join(folder, 'roberta-base/tokenizer.json')
    const { vocabSize, special, fingerprint, words } = await make({ file })
    expect(vocabSize).toBe(50265)
    expect(special).toEqual({ bos: 0, pad: 1, eos: 2, unk: 3, mask: 50264 })
    expect(fingerprint).toBe(
      createHash('sha256')
        .update(await readFile(file))
        .digest('hex'),
    )
    // <s> Any Ġevidence Ġof Ġepid ural Ġor Ġsub d ural Ġhem at oma ? </s>
    expect(words('Any evidence of epidural or subdural hematoma?')).toEqual([-1, 0, 1, 2, 3, 3, 4, 5, 5, 5, 6, 6, 6, 6, -1])
  })

  it('refuses another kind of tokenizer', async () => {
    await expect(make({ dir: join(folder, 'mimic-wordpiece') })).rejects.toMatchObject({
      code: 'DATA_MALFORMED',
      message: expect.stringContaining('mimic-wordpiece'),
    })
  })
})
