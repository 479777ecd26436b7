import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { concat, mean, type Tensor, tidy } from '@tensorflow/tfjs-core'
import { Dataset } from '@unidiag/core/contracts/dataset'
import { Fusion, ImageEncoder, TextEncoder } from '@unidiag/core/contracts/encoders'
import { ImageLoader } from '@unidiag/core/contracts/image-loader'
import { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { batchKeys } from '@unidiag/core/data/batch-keys'
import { textRows } from '@unidiag/core/data/text-rows'
import { readSafetensors } from '@unidiag/core/io/safetensors'
import { VisionLanguageModel } from '@unidiag/core/model'
import { ownPair, Step } from '@unidiag/core/step'
import { useBackend } from '@unidiag/testing/backends'
import { parquetMetadata, parquetReadObjects } from 'hyparquet'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { makeProgram } from '../program.js'
import { restore } from '../restore.js'

// Every letter of the questions is a word or a piece of one.
const letters = [...'abcdefghijklmnopqrstuvwxyz0123456789']
const vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', '?', '.', ',', '-', ...letters, ...letters.map((letter) => `##${letter}`)]

const model = `
  - images: { threads: 1 }
  - wordpiece: { file: ./vocab.txt }
  - clip-vit: { imageSize: 16, patchSize: 8, width: 16, heads: 2, blocks: 1 }
  - bert: { width: 8, layers: 1, heads: 2, ffn: 32, maxLength: 48, maxPositions: 48 }
  - co-attention: { width: 12, layers: 1, heads: 2 }
`
const tuned = `
seed: 1
out: ./tuned
plugins:
  - synthetic: { kind: questions, name: questions, size: 16, samples: { train: 16, val: 8, test: 20 } }${model}
  - vqa: { resamples: 20 }
  - fine-tune: { batchSize: 8, steps: 2, epochs: 9, maxLength: 40, pooling: mean, optimizer: { learningRate: 1e-3 } }
`
const pretrained = `
seed: 2
out: ./pretrained
plugins:
  - synthetic: { kind: captions, name: captions, size: 16, samples: { train: 16, val: 10, test: 0 } }${model}
  - itm
  - mr-pretrain: { objectives: [itm], batchSize: 8, steps: 2, epochs: 9, optimizer: { learningRate: 1e-3 } }
`

let dir: string
const at = (name: string): string => join(dir, name)
const unidiag = (...args: string[]) => makeProgram().parseAsync(args, { from: 'user' })

async function parquet(file: string) {
  const bytes = await readFile(file)
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
  const described = parquetMetadata(buffer).key_value_metadata?.find(({ key }) => key === 'unidiag')?.value
  return { bytes, rows: await parquetReadObjects({ file: buffer }), made: JSON.parse(described ?? '{}') }
}

describe('unidiag embed', () => {
  useBackend()
  const said: string[] = []
  beforeAll(async () => {
    vi.spyOn(console, 'log').mockImplementation((text) => void said.push(text))
    vi.spyOn(console, 'error').mockImplementation(() => {})
    dir = await mkdtemp(join(tmpdir(), 'unidiag-embed-'))
    await writeFile(at('vocab.txt'), vocabulary.join('\n'))
    for (const [name, config] of Object.entries({ tuned, pretrained })) {
      await writeFile(at(`${name}.yaml`), config)
      await unidiag('run', at(`${name}.yaml`))
    }
  })
  afterAll(() => rm(dir, { recursive: true }))
  beforeEach(() => {
    said.length = 0
  })

  it('writes features, labels and maps of a split, and no text', async () => {
    await unidiag('embed', at('tuned'), '--out', at('a.parquet'), '--iterations', '60')
    expect(said).toEqual([expect.stringMatching(/a\.parquet: 20 samples of questions, split test; maps: fused_tsne2, fused_tsne3, fused_umap2, fused_umap3$/)])
    const { rows, made, bytes } = await parquet(at('a.parquet'))
    expect(made).toMatchObject({ dataset: 'questions', synthetic: true, split: 'test', samples: 20, pooling: 'mean', stage: 'fine-tune' })
    expect(made.maps.fused_tsne2).toMatchObject({ perplexity: 19 / 3, iterations: 60, seed: 1, divergence: expect.any(Number) })
    expect(made.maps.fused_umap3).toMatchObject({ method: 'UMAP', neighbors: 15 })

    const { pipeline } = await restore(at('tuned'), { data: true })
    const [samples, images] = [pipeline.get(Dataset).samples('test'), pipeline.get(ImageLoader)]
    expect(rows).toHaveLength(20)
    for (const [i, row] of rows.entries()) {
      const { id, imageId, answers, answerType, fields = {} } = samples[i]
      expect(row).toMatchObject({ id, image_id: imageId, answer: answers?.[0], answer_type: answerType })
      for (const [name, value] of Object.entries(fields)) expect(row[`field_${name}`]).toBe(value)
      expect([row.image, row.text, row.fused].map((vector) => (vector as number[]).length)).toEqual([16, 8, 24])
    }
    const coordinates = ['tsne2_x', 'tsne2_y', 'tsne3_x', 'tsne3_y', 'tsne3_z', 'umap2_x', 'umap2_y', 'umap3_x', 'umap3_y', 'umap3_z'].map(
      (name) => `fused_${name}`,
    )
    expect(Object.keys(rows[0]).filter((name) => /tsne|umap/.test(name))).toEqual(coordinates)
    for (const name of coordinates) expect(new Set(rows.map((row) => row[name])).size).toBe(20)
    for (const { text } of samples) expect(bytes.includes(text)).toBe(false)

    // The last row, by itself: what the head of the run reads.
    const sample = samples[19]
    const pixels = { data: await images.load(sample.image), shape: [1, 16, 16, 3] }
    const arrays = { [batchKeys.image]: pixels, ...textRows([sample], pipeline.get(Tokenizer), 40) }
    const parts = { image: pipeline.get(ImageEncoder), text: pipeline.get(TextEncoder), fusion: pipeline.get(Fusion) }
    const batch = { index: 0, epoch: 0, samples: [sample], lost: [], arrays }
    const expectVector = (name: string, make: (step: Step) => Tensor): void => {
      const expected = tidy(() => make(new Step({ model: new VisionLanguageModel(parts), batch, training: false })).dataSync())
      for (const [k, value] of (rows[19][name] as number[]).entries()) expect(value, name).toBeCloseTo(expected[k], 5)
    }
    expectVector('fused', (step) => {
      const { text, image } = step.pooled(ownPair, 'mean')
      return concat([text, image], 1)
    })
    expectVector('image', (step) => mean(step.imageTokens(ownPair), 1))
    expectVector('text', (step) => mean(step.textTokens(ownPair).tokens, 1))
    await pipeline.close()
  })

  it('writes the same file for the same seed, and another map for another', async () => {
    const embed = async (name: string, ...more: string[]) => {
      await unidiag('embed', at('tuned'), '--out', at(name), '--iterations', '20', '--dimensions', '2', ...more)
      return (await parquet(at(name))).bytes
    }
    const first = await embed('b.parquet')
    expect(await embed('c.parquet')).toEqual(first)
    expect(await embed('d.parquet', '--seed', '7')).not.toEqual(first)
  })

  it('writes text only when told to', async () => {
    await unidiag('embed', at('tuned'), '--out', at('text.parquet'), '--maps', 'none', '--with-text', '--limit', '5')
    const { rows, made } = await parquet(at('text.parquet'))
    expect(rows).toHaveLength(5)
    for (const { sample_text } of rows) expect(sample_text).toMatch(/\?$/)
    expect(made.maps).toEqual({})
  })

  it('embeds a run that was only pre-trained, as safetensors', async () => {
    await unidiag('embed', at('pretrained'), '--split', 'val', '--out', at('val.safetensors'), '--maps', 'umap', '--dimensions', '2', '--of', 'image', 'text')
    const { tensors, metadata } = await readSafetensors(at('val.safetensors'))
    expect(Object.fromEntries(Array.from(tensors, ([name, { shape }]) => [name, shape]))).toEqual({
      image: [10, 16],
      text: [10, 8],
      fused: [10, 24],
      image_umap2: [10, 2],
      text_umap2: [10, 2],
    })
    for (const { data } of tensors.values()) expect((data as Float32Array).every(Number.isFinite)).toBe(true)
    const columns = JSON.parse(metadata.columns)
    expect(columns.id).toHaveLength(10)
    expect(columns.answer).toEqual(Array(10).fill(null))
    expect(columns).not.toHaveProperty('sample_text')
    expect(JSON.parse(metadata.unidiag)).toMatchObject({ stage: 'mr-pretrain', pooling: 'first' })
  })

  it('says what it cannot do before it does anything', async () => {
    await expect(unidiag('embed', at('tuned'), '--out', at('a.csv'))).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      fix: expect.stringContaining('.parquet'),
    })
    await expect(unidiag('embed', at('tuned'), '--out', at('a.parquet'), '--limit', '5')).rejects.toMatchObject({
      code: 'NO_SAMPLES',
      message: expect.stringContaining('a map needs 8'),
    })
    await expect(unidiag('embed', at('tuned'), '--out', at('a.parquet'), '--split', 'dev')).rejects.toMatchObject({ code: 'SPLIT_UNKNOWN' })
  })
})
