import { mkdtemp, readFile, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { concat, memory, tensor, tidy } from '@tensorflow/tfjs-core'
import { compose } from '@unidiag/core/compose'
import { Fusion, ImageEncoder, TextEncoder } from '@unidiag/core/contracts/encoders'
import { ImageLoader } from '@unidiag/core/contracts/image-loader'
import { Task } from '@unidiag/core/contracts/task'
import { type EvaluateOptions, evaluate } from '@unidiag/core/evaluate'
import { VisionLanguageModel } from '@unidiag/core/model'
import { Forward } from '@unidiag/core/nn/forward'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import type { Pipeline } from '@unidiag/core/pipeline'
import type { AnyPlugin } from '@unidiag/core/plugin'
import { Random } from '@unidiag/core/random'
import { itm } from '@unidiag/pretrain/itm'
import { retrieval } from '@unidiag/tasks/retrieval'
import { useBackend } from '@unidiag/testing/backends'
import { tinyTokenizer } from '@unidiag/testing/tiny-data'
import { fineTune } from '@unidiag/tuning/fine-tune'
import { gmCoord } from '@unidiag/tuning/gm-coord'
import { linearProbe } from '@unidiag/tuning/linear-probe'
import { lastValueFrom, takeWhile, tap, toArray } from 'rxjs'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { broken, namedDataset, namedPlugins, pixelsOf } from './named-images.js'

/** Samples whose image has its name in place of pixels; two samples share an image. */
const dataset = namedDataset({ train: 12, val: 6, test: 10 })

const plugins = (options: Parameters<typeof retrieval>[0] = {}) => [...namedPlugins(dataset), retrieval({ negatives: 3, resamples: 50, ...options })]

function evaluation(pipeline: Pipeline, more: Partial<EvaluateOptions> = {}): EvaluateOptions {
  const model = new VisionLanguageModel({ image: pipeline.get(ImageEncoder), text: pipeline.get(TextEncoder), fusion: pipeline.get(Fusion) })
  const loader = { tokenizer: tinyTokenizer, images: pipeline.get(ImageLoader), parts: [] }
  return { model, task: pipeline.get(Task), dataset, split: 'test', loader, batchSize: 3, pooling: 'mean-non-pad', random: new Random(0), ...more }
}

/** The score of one image with one text, with nothing shared between pairs. */
function pairAlone(pipeline: Pipeline, file: string, text: string): number {
  const { model } = evaluation(pipeline)
  const forward = new Forward({ training: false })
  return tidy(() => {
    const encoded = tinyTokenizer.encode(text)
    const padded = (values: number[], fill: number) => [[...values, ...Array(model.text.maxLength - values.length).fill(fill)]]
    const ids = tensor(padded(encoded, 1), undefined, 'int32')
    const mask = tensor(
      padded(
        encoded.map(() => 1),
        0,
      ),
      undefined,
      'int32',
    )
    const inputs = { image: tensor(pixelsOf(file), [1, 8, 8, 3]), ids, mask } as never
    const { text: t, image: i } = model.fusion.pool(model.encode(inputs, forward), mask as never, 'mean-non-pad', forward)
    const feature = Array.from(concat([t, i], 1).dataSync())
    const parameters = pipeline.get(ParameterStore)
    const weight = parameters.get('irtr_head.weight').value.dataSync()
    return feature.reduce((sum, x, at) => sum + x * weight[at], parameters.get('irtr_head.bias').value.dataSync()[0])
  })
}

describe('retrieval', () => {
  useBackend()
  const made: string[] = []
  afterAll(() => Promise.all(made.map((dir) => rm(dir, { recursive: true }))))
  const folder = async () => {
    made.push(await mkdtemp(join(tmpdir(), 'unidiag-retrieval-')))
    return made.at(-1)!
  }

  it('trains by ranking, starts from the matching head, and ends with a recall', async () => {
    const pipeline = await compose({
      seed: 1,
      plugins: [...plugins(), itm(), gmCoord(), fineTune({ epochs: 3, batchSize: 4, optimizer: { learningRate: 1e-3 } })],
    })
    const parameters = pipeline.get(ParameterStore)
    const read = (name: string) => [...parameters.get(name).value.dataSync()]
    const matching = read('itm_head.fc.weight')
    const encode = vi.spyOn(pipeline.get(ImageEncoder), 'encode')
    pipeline.get(Task).begin?.({ trained: false })
    expect(read('irtr_head.weight')).toEqual(matching.filter((_, i) => i % 2 === 1))

    const events = await lastValueFrom(pipeline.run().pipe(toArray()))
    expect(events.filter(({ type }) => type === 'step')).toHaveLength(9)
    for (const [image] of encode.mock.calls) expect(image.shape[0], 'images are encoded once').toBeLessThanOrEqual(4)
    expect(read('itm_head.fc.weight'), 'the matching head is frozen').toEqual(matching)
    expect(read('irtr_head.weight')).not.toEqual(matching.filter((_, i) => i % 2 === 1))
    const scores = events.flatMap((event) => (event.type === 'score' ? [event.score] : []))
    expect(scores.map(({ primary, protocol }) => [primary, protocol.split])).toEqual([...Array(3).fill(['negativeLoss', 'val']), ['mean@1', 'test']])
    expect(events.find((event) => event.type === 'step')?.coefficients).toHaveProperty('rhoText')
    await pipeline.close()
  })

  it('keeps a head that is trained: after a stop, and after a linear probe', async () => {
    const run = async (out: string, stages: AnyPlugin[], { stopAt, resume = false }: { stopAt?: number; resume?: boolean } = {}) => {
      const pipeline = await compose({ seed: 1, out, plugins: [...plugins(), itm(), ...stages] })
      const head = () => [...pipeline.get(ParameterStore).get('irtr_head.weight').value.dataSync()]
      const [starts, ends]: Record<string, number[]>[] = [{}, {}]
      const events = pipeline.run({ resume }).pipe(
        takeWhile((event) => !(event.type === 'step' && event.step === stopAt), true),
        tap((event) => {
          if (event.type === 'stage-start') starts[event.stage] = head()
          if (event.type === 'stage-end') ends[event.stage] = head()
        }),
      )
      await lastValueFrom(events)
      await pipeline.close()
      return { starts, ends }
    }
    const short = { epochs: 2, batchSize: 4, validationSplit: null, testSplit: null }
    const tuning = () => fineTune({ ...short, optimizer: { learningRate: 1e-3 } })
    const [whole, stopped] = [await run(await folder(), [tuning()]), await folder()]
    await run(stopped, [tuning()], { stopAt: 4 })
    expect((await run(stopped, [tuning()], { resume: true })).ends).toEqual(whole.ends)

    const { ends, starts } = await run(await folder(), [linearProbe(short), tuning()])
    expect(ends['linear-probe']).not.toEqual(starts['linear-probe'])
    expect(starts['fine-tune']).toEqual(ends['linear-probe'])
  })

  it('scores every pair as if it were alone, encodes each image and text once, and leaves no tensor behind', async () => {
    const scores = join(await folder(), 'scores')
    const pipeline = await compose({ plugins: plugins({ scores, pairs: 4 }) })
    const [image, text] = [vi.spyOn(pipeline.get(ImageEncoder), 'encode'), vi.spyOn(pipeline.get(TextEncoder), 'encode')]
    const before = memory().numTensors
    const { metrics, protocol } = await evaluate(evaluation(pipeline))
    expect(memory().numTensors).toBe(before)
    expect(image.mock.calls.map(([x]) => x.shape[0])).toEqual([3, 2])
    expect(text.mock.calls.map(([ids]) => ids.shape[0])).toEqual([4, 4, 2])
    expect(protocol).toMatchObject({ samples: 10, lost: 0, details: { images: 5, texts: 10, pairs: 50 } })
    expect(metrics['textToImage@5'].value).toBe(1)
    expect(Object.keys(metrics)).toEqual(['mean@1', ...['textToImage', 'imageToText'].flatMap((direction) => [1, 5, 10].map((k) => `${direction}@${k}`))])

    const stored = new Float32Array((await readFile(scores)).subarray(32).buffer.slice(-200))
    const samples = dataset.samples('test')
    const files = [...new Set(samples.map(({ imageId }) => imageId))]
    for (const [i, file] of files.entries())
      for (const [t, sample] of samples.entries()) expect(stored[i * 10 + t]).toBeCloseTo(pairAlone(pipeline, file, sample.text), 5)
    const best = samples.filter((sample, t) =>
      files.every((file, i) => file === sample.imageId || stored[i * 10 + t] < stored[files.indexOf(sample.imageId) * 10 + t]),
    )
    expect(metrics['textToImage@1'].value).toBe(best.length / 10)
    await pipeline.close()
  })

  it('goes on where an evaluation was stopped, unless the weights have changed', async () => {
    const scores = join(await folder(), 'new', 'scores')
    const pipeline = await compose({ plugins: plugins({ scores }) })
    const whole = await evaluate(evaluation(pipeline))
    // Two rows and a half are left.
    await truncate(scores, 32 + 100)
    const encode = vi.spyOn(pipeline.get(ImageEncoder), 'encode')
    expect(await evaluate(evaluation(pipeline))).toEqual(whole)
    expect(encode.mock.calls.map(([image]) => image.shape[0])).toEqual([3])
    encode.mockClear()
    expect(await evaluate(evaluation(pipeline))).toEqual(whole)
    expect(encode).not.toHaveBeenCalled()

    const stop = new AbortController()
    stop.abort(new Error('enough'))
    pipeline
      .get(ParameterStore)
      .get('irtr_head.bias')
      .assign(tensor([1]))
    await expect(evaluate(evaluation(pipeline, { signal: stop.signal }))).rejects.toThrow('enough')
    await evaluate(evaluation(pipeline))
    expect(encode.mock.calls.at(-1)?.[0].shape[0]).toBe(2)
    await pipeline.close()
  })

  it('says how far it is, now and then', async () => {
    const pipeline = await compose({ plugins: plugins() })
    let milliseconds = 0
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => {
      milliseconds += 6000
      return milliseconds
    })
    const said: string[] = []
    await evaluate(evaluation(pipeline, { onProgress: (message) => said.push(message) }))
    clock.mockRestore()
    expect(said.length).toBeGreaterThan(1)
    expect(said.length).toBeLessThan(5)
    for (const message of said) expect(message).toMatch(/^test: [2-5] of 5 images scored against 10 texts$/)
    await pipeline.close()
  })

  it('leaves out images that cannot be read, with their texts, and says so', async () => {
    broken.add('test-image-1')
    const pipeline = await compose({ plugins: plugins() })
    const lost: string[] = []
    const { protocol, metrics } = await evaluate(evaluation(pipeline, { onLost: ({ id }) => lost.push(id) }))
    expect(lost).toEqual(['test-2', 'test-3'])
    expect(protocol).toMatchObject({ samples: 8, lost: 2, details: { images: 4, texts: 8 } })
    expect(metrics['imageToText@1'].n).toBe(4)
    broken.clear()
    await pipeline.close()
  })

  it('is scored straight from pre-training', async () => {
    const pipeline = await compose({ plugins: [...plugins(), fineTune({ scoresOnly: true })] })
    const events = await lastValueFrom(pipeline.run().pipe(toArray()))
    expect(events.filter(({ type }) => type === 'step' || type === 'stage-start')).toEqual([])
    expect(events.find(({ type }) => type === 'score')).toMatchObject({ epoch: 0, score: { primary: 'mean@1' } })
    const parameters = pipeline.get(ParameterStore)
    expect(parameters.get('irtr_head.weight').value.dataSync()[0]).toBe(parameters.get('itm_head.fc.weight').value.dataSync()[1])
    await pipeline.close()
  })

  it('goes by the matching head when only pre-training made the weights', async () => {
    const pipeline = await compose({ plugins: [...plugins(), itm()] })
    const parameters = pipeline.get(ParameterStore)
    const read = (name: string) => parameters.get(name).value.dataSync()
    await evaluate(evaluation(pipeline))
    expect(read('irtr_head.weight')[0]).toBe(read('itm_head.fc.weight')[1])
    // A head that was trained stays as it is.
    parameters.get('irtr_head.weight').assign(
      tensor(
        Float32Array.from(read('irtr_head.weight'), () => 0.5),
        [read('irtr_head.weight').length, 1],
      ),
    )
    await evaluate(evaluation(pipeline))
    expect(read('irtr_head.weight')[0]).toBe(0.5)
    await pipeline.close()
  })

  it('does not cut a drawn text to the longest of the batch', async () => {
    const pipeline = await compose({ plugins: plugins({ negatives: 30 }) })
    const pool = dataset.samples('val')
    const [batch] = [pool.toSorted((a, b) => a.text.length - b.text.length).slice(0, 1)]
    const own = tinyTokenizer.encode(batch[0].text)
    const arrays: Record<string, { data: Int32Array; shape: number[] }> = { 'text.ids': { data: Int32Array.from(own), shape: [1, own.length] } }
    const rng = (stream: string, id = '') => new Random(0).rng(stream, id)
    await pipeline.get(Task).prepare?.({ index: 0, epoch: 0, samples: batch, pool, maxLength: 16, arrays, rng, image: async () => undefined } as never)
    const { data, shape } = arrays['irtr.texts.ids']
    expect(shape[1]).toBeGreaterThan(own.length)
    const rows = Array.from({ length: 31 }, (_, i) => [...data.subarray(i * shape[1], (i + 1) * shape[1])].filter((id) => id !== 1).join())
    const whole = pool.map(({ text }) => tinyTokenizer.encode(text).join())
    for (const row of rows) expect(whole).toContain(row)
    await pipeline.close()
  })

  it('draws texts of other images only, the same ones for the same seed', async () => {
    const length = 16
    const drawn = async (options: Parameters<typeof retrieval>[0]) => {
      const pipeline = await compose({ plugins: plugins({ negatives: 40, ...options }) })
      const task = pipeline.get(Task)
      const samples = dataset.samples('val')
      const arrays: Record<string, { data: Int32Array; shape: number[] }> = { 'text.ids': { data: new Int32Array(6 * length), shape: [6, length] } }
      const rng = (stream: string, id = '') => new Random(0).rng(stream, id)
      await task.prepare?.({ index: 0, epoch: 0, samples, pool: samples, maxLength: length, arrays, rng, image: async () => undefined } as never)
      await pipeline.close()
      const { data, shape } = arrays['irtr.texts.ids']
      expect(shape).toEqual([6 * 41, length])
      return Array.from(
        { length: 6 },
        (_, i) => new Set(Array.from({ length: 40 }, (_, n) => [...data.subarray((i * 41 + n + 1) * length, (i * 41 + n + 2) * length)].join())),
      )
    }
    const own = dataset.samples('val').map(({ text }) => tinyTokenizer.encode(text))
    const rows = own.map((ids) => [...ids, ...Array(length - ids.length).fill(1)].join())
    const others = await drawn({})
    for (const [i, texts] of others.entries()) expect([...texts].sort()).toEqual(rows.filter((_, at) => at >> 1 !== i >> 1).sort())
    expect(await drawn({})).toEqual(others)
    expect((await drawn({ excludeSelf: false }))[0]).toContain(rows[0])
  })
})
