import { mkdtemp, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memory } from '@tensorflow/tfjs-core'
import { compose } from '@unidiag/core/compose'
import { Fusion, ImageEncoder, TextEncoder } from '@unidiag/core/contracts/encoders'
import { ImageLoader } from '@unidiag/core/contracts/image-loader'
import { Task } from '@unidiag/core/contracts/task'
import { type EvaluateOptions, evaluate } from '@unidiag/core/evaluate'
import { VisionLanguageModel } from '@unidiag/core/model'
import type { Pipeline } from '@unidiag/core/pipeline'
import { Random } from '@unidiag/core/random'
import { itc } from '@unidiag/pretrain/itc'
import { itm } from '@unidiag/pretrain/itm'
import { retrieval } from '@unidiag/tasks/retrieval'
import { useBackend } from '@unidiag/testing/backends'
import { tinyTokenizer } from '@unidiag/testing/tiny-data'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { broken, namedDataset, namedPlugins } from './named-images.js'

/** 20 images with two texts each; an image has its name in place of pixels. */
const dataset = namedDataset({ train: 2, test: 40 })
const pipelineOf = (options: Parameters<typeof retrieval>[0], contrast = [itc({ width: 6, imagePooling: 'mean', textPooling: 'mean-non-pad' })]) =>
  compose({
    seed: 6,
    plugins: [...namedPlugins(dataset), itm(), ...contrast, retrieval({ resamples: 100, pairs: 16, ...options })],
  })

async function score(options: Parameters<typeof retrieval>[0], more: Partial<EvaluateOptions> = {}) {
  const pipeline: Pipeline = await pipelineOf(options)
  const parts = { image: pipeline.get(ImageEncoder), text: pipeline.get(TextEncoder), fusion: pipeline.get(Fusion) }
  const fuse = vi.spyOn(parts.fusion, 'fuse')
  const loader = { tokenizer: tinyTokenizer, images: pipeline.get(ImageLoader), parts: [] }
  const common = { model: new VisionLanguageModel(parts), task: pipeline.get(Task), dataset, split: 'test', loader, batchSize: 6, random: new Random(0) }
  const before = memory().numTensors
  const found = await evaluate({ ...common, pooling: 'mean-non-pad', ...more })
  expect(memory().numTensors).toBe(before)
  const fused = fuse.mock.calls.reduce((sum, [text]) => sum + text.shape[0], 0)
  await pipeline.close()
  return { ...found, fused }
}
const values = (metrics: Readonly<Record<string, { readonly value: number }>>) => Object.values(metrics).map(({ value }) => value)

describe('two-stage retrieval', () => {
  useBackend()
  const made: string[] = []
  afterAll(() => Promise.all(made.map((dir) => rm(dir, { recursive: true }))))

  it('fuses the shortlists only, and says beforehand what that loses', async () => {
    const exact = await score({})
    const compared = await score({ twoStage: { shortlist: 10 } })
    const short = await score({ twoStage: { shortlist: 10, compare: false } })
    expect([exact.fused, compared.fused]).toEqual([800, 800])
    expect(compared.metrics).toEqual(exact.metrics)
    expect(short.fused).toBe(short.protocol.details.shortlistedPairs)
    expect(short.fused).toBeLessThan(700)
    expect(compared.protocol.details).toMatchObject({
      shortlist: 10,
      shortlistBy: 'itc',
      shortlistedPairs: short.fused,
      scored: 'every pair through the fusion',
    })
    expect(short.protocol.details.scored).toBe('the 10 most similar by itc, through the fusion')
    expect(exact.protocol.details).not.toHaveProperty('shortlist')

    const { columns, rows } = compared.tables!.twoStage
    expect(columns).toEqual(['recall', 'every pair', 'shortlist', 'difference', 'from', 'to'])
    expect(rows.map(([name]) => name)).toEqual(Object.keys(exact.metrics))
    expect(rows.map((row) => row[1])).toEqual(values(exact.metrics))
    expect(rows.map((row) => row[2])).toEqual(values(short.metrics))
    for (const [, all, some, difference, from, to] of rows as [string, ...number[]][]) {
      expect(difference).toBeCloseTo(some - all, 12)
      expect(from <= difference && difference <= to).toBe(true)
    }
    expect(rows.some((row) => row[3] !== 0)).toBe(true)
    // No recall can be higher than the share of queries whose match is left over.
    expect(short.metrics['textToImage@10'].value).toBe(short.protocol.details.textToImageHeld)
    expect(short.metrics['imageToText@10'].value).toBe(short.protocol.details.imageToTextHeld)
  })

  it('is exact when the shortlists hold everything', async () => {
    const exact = await score({})
    const { metrics, tables, fused } = await score({ twoStage: { shortlist: 40 } })
    expect(metrics).toEqual(exact.metrics)
    expect(tables!.twoStage.rows.every((row) => row[3] === 0)).toBe(true)
    expect(fused).toBe(800)
    expect((await score({ twoStage: { shortlist: 40, compare: false } })).metrics).toEqual(exact.metrics)
  })

  it('leaves out images that cannot be read, told once, and goes on where it stopped', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'unidiag-two-stage-'))
    made.push(dir)
    const scores = join(dir, 'scores')
    broken.add('test-image-3')
    const lost: string[] = []
    const whole = await score({ scores, twoStage: { shortlist: 10, compare: false } }, { onLost: ({ id }) => lost.push(id) })
    expect(lost).toEqual(['test-6', 'test-7'])
    expect(whole.protocol).toMatchObject({ samples: 38, lost: 2, details: { images: 19, texts: 38 } })
    await truncate(scores, 32 + 4 * 40 * 12)
    const again = await score({ scores, twoStage: { shortlist: 10, compare: false } })
    expect(again.metrics).toEqual(whole.metrics)
    expect(again.fused).toBeLessThan(whole.fused)
    // Scores of shortlists are no scores of all pairs.
    expect((await score({ scores })).fused).toBe(19 * 40)
    broken.clear()
  })

  it('needs a contrastive objective', async () => {
    await expect(pipelineOf({ twoStage: {} }, [])).rejects.toMatchObject({ code: 'PLUGIN_MISSING', fix: expect.stringContaining('itc') })
  })
})
