import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Sample } from '@unidiag/core/contracts/dataset'
import { images } from '@unidiag/datasets/images'
import { synthetic } from '@unidiag/datasets/synthetic'
import { testBackend } from '@unidiag/testing/backends'
import { describe, expect, it } from 'vitest'
import { prepare } from '../data/prepare.js'
import { sourceOf } from '../data/sources.js'
import { benchData, differentImages, middle } from './data.js'
import { benchOp, timeOp } from './op.js'
import { benchScale } from './scale.js'
import { Stopwatch } from './stopwatch.js'

/** Stands for processes of the command: answers each in turn, and keeps what it was asked. */
function processes(...answers: readonly object[]) {
  const asked: string[] = []
  const left = [...answers]
  const run = <T>(args: readonly string[]): Promise<T> => {
    asked.push(args.join(' '))
    return Promise.resolve(left.shift() as T)
  }
  return { asked, run }
}

describe('bench op', () => {
  it('takes turns with wasm, and gives medians and their ratio', async () => {
    const torch = (add: number, call: number) => ({ backend: 'torch', add, call })
    const wasm = (add: number) => ({ backend: 'wasm', add })
    const { asked, run } = processes(torch(6, 1), wasm(4), torch(90, 30), wasm(2), torch(5, 2), wasm(3))
    expect(await benchOp({ backend: 'auto', calls: 10, turns: 3 }, run)).toEqual({
      backend: 'torch',
      calls: 10,
      turns: 3,
      addMicroseconds: 6,
      callMicroseconds: 2,
      wasmMicroseconds: 3,
      ratio: 2,
    })
    expect(asked.slice(0, 2)).toEqual(['bench op --alone --backend auto --calls 10 --json', 'bench op --alone --backend wasm --calls 10 --json'])
    expect(asked).toHaveLength(6)
  })

  it('does not compare wasm with itself', async () => {
    const { asked, run } = processes({ backend: 'wasm', add: 3 }, { backend: 'wasm', add: 5 })
    expect(await benchOp({ backend: 'wasm', calls: 1, turns: 2 }, run)).toEqual({ backend: 'wasm', calls: 1, turns: 2, addMicroseconds: 4 })
    expect(asked).toHaveLength(2)
  })

  it('times this process', async () => {
    const { backend, add, call } = await timeOp(testBackend(), 20)
    expect(backend).toBe(testBackend())
    expect(add).toBeGreaterThan(0)
    // Only there is a call of the engine itself told apart from tfjs.
    expect(call !== undefined).toBe(backend === 'torch')
  })
})

describe('bench scale', () => {
  it('varies one thing at a time, and compares the memory of the most samples with that of the fewest', async () => {
    const step = (peakRssMB: number) => ({ backend: 'torch', medianSeconds: 0.5, samplesPerSecond: 16, peakRssMB, seconds: [] })
    const { asked, run } = processes(step(100), step(130), step(120), step(110))
    const result = await benchScale({ backend: 'auto', threads: 2, batches: [1, 4], samples: [1000, 20], steps: 5 }, run)
    expect(asked).toEqual([
      'bench step --preset tiny --backend auto --threads 2 --batch 8 --samples 8 --steps 5 --json',
      'bench step --preset tiny --backend auto --threads 2 --batch 32 --samples 32 --steps 5 --json',
      'bench step --preset tiny --backend auto --threads 2 --batch 8 --samples 1000 --steps 125 --json',
      'bench step --preset tiny --backend auto --threads 2 --batch 8 --samples 20 --steps 3 --json',
    ])
    expect(result.backend).toBe('torch')
    expect(result.memoryRatio).toBeCloseTo(120 / 110)
    expect(result.batches[1]).toEqual({ batch: 32, samples: 32, steps: 5, medianSeconds: 0.5, samplesPerSecond: 16, peakRssMB: 130 })
  })
})

describe('bench data', () => {
  const sample = (id: string, imageId: string): Sample => ({ id, imageId, image: { file: imageId }, text: id })

  it('takes each image once, in order, up to the count', () => {
    const samples = [sample('a', 'x'), sample('b', 'x'), sample('c', 'y'), sample('d', 'z')]
    expect(differentImages(samples, 2).map(({ id }) => id)).toEqual(['a', 'c'])
    expect(differentImages(samples, 9).map(({ id }) => id)).toEqual(['a', 'c', 'd'])
  })

  it('refuses images that are made in memory, and none', () => {
    const made: Sample = { ...sample('a', 'x'), image: { pixels: () => ({ data: new Uint8Array(1), width: 1, height: 1, channels: 1 }) } }
    for (const samples of [[made], []]) expect(() => differentImages(samples, 1)).toThrow(/no image files/)
  })

  it('times every part, and says how they compare', async () => {
    const root = await mkdtemp(join(tmpdir(), 'unidiag-bench-test-'))
    const [made] = await prepare(
      { plugins: [synthetic({ kind: 'questions', samples: { train: 8, val: 2, test: 2 } }), images({ size: 24 })], seed: 0 },
      { out: root, pixels: 'whole', imagesPerShard: 10, replace: false },
    )
    const result = await benchData(await sourceOf('prepared', made.dir, { size: 16 }), { count: 3, turns: 1 })
    await rm(root, { recursive: true })
    expect(result).toMatchObject({ split: 'train', images: 3, size: 16, turns: 1 })
    expect(result.loadOverSharp).toBe(result.load.perCore / result.sharp!.perCore)
    expect(result.shardsOverLoad).toBe(result.shards.perCore / result.load.perCore)
    for (const part of ['decode', 'resize', 'load', 'shards', 'sharp', 'tokenize'] as const) expect(result[part]!.perSecond, part).toBeGreaterThan(0)
  })

  it('gives the medians of wall time and of processor time, each by itself', () => {
    const rates = [
      { perSecond: 1, perCore: 30 },
      { perSecond: 2, perCore: 10 },
      { perSecond: 9, perCore: 20 },
    ]
    expect(middle(rates)).toEqual({ perSecond: 2, perCore: 20 })
  })

  it('counts waiting as wall time, not as work of a core', async () => {
    const watch = new Stopwatch()
    for (let i = 0; i < 2; i++) await watch.time(() => sleep(300))
    const { perSecond, perCore } = watch.rate(6)
    // Timers may fire a millisecond early.
    expect(perSecond).toBeLessThan(6 / 0.59)
    expect(perCore).toBeGreaterThan(perSecond)
  })
})
