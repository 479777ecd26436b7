import { engine, matMul, randomNormal, slice } from '@tensorflow/tfjs-core'
import { backend } from '@unidiag/core/backend/backend'
import type { BackendName, Precision } from '@unidiag/core/backend/engines'
import { compose } from '@unidiag/core/compose'
import { followRun } from '../follow-run.js'
import type { BenchSize } from './sizes.js'
import { type StepData, stepPlugins } from './step-plugins.js'

export interface StepTimingOptions extends StepData {
  readonly preset: BenchSize
  readonly backend: BackendName | 'auto'
  readonly threads?: number
  readonly precision: Precision
  readonly steps: number
  readonly warmup: number
}

/** What one process measured of itself. */
export interface StepTiming {
  readonly backend: string
  /** Wall time of each step, from one step's event to the next: loading, passes, backward, update, teacher. */
  readonly seconds: readonly number[]
  /** Most memory the process held, in MB of 2^20 bytes. */
  readonly peakRssMB: number
  /** GFLOP/s of a product of two matrices of 2048 x 2048, the fastest of several. */
  readonly matmulGflops: number
  /** For engines that count: operators of a step, and the share of its time spent outside of them and of copies and releases, in tfjs and UniDiag. */
  readonly operatorsPerStep?: number
  readonly outsideShare?: number
}

interface Counting {
  /** Operators, whose names have a namespace, and copies and releases, whose names have none. */
  operatorProfile(): { readonly name: string; readonly calls: number; readonly seconds: number }[]
}

/** Trains for `warmup + steps` steps on random data. To be run in a process of its own. */
export async function timeSteps({ preset, backend: name, threads, precision, steps, warmup, ...data }: StepTimingOptions): Promise<StepTiming> {
  const chosen = backend({ name, precision, ...(threads !== undefined && { threads }) })
  const pipeline = await compose({ plugins: [...stepPlugins(preset, warmup + steps, data), chosen], seed: 0 })
  try {
    const matmulGflops = await fastestProduct(2048)
    const at: number[] = []
    let before = operators()
    await followRun(pipeline, {
      next: ({ type }) => {
        if (type !== 'step') return
        at.push(performance.now())
        if (at.length === warmup) before = operators()
      },
    })
    const after = operators()
    const seconds = at.slice(warmup).map((time, i) => (time - at[warmup + i - 1]) / 1000)
    const counted = before && after && { calls: after.calls - before.calls, seconds: after.seconds - before.seconds }
    return {
      backend: engine().backendName,
      seconds,
      peakRssMB: process.resourceUsage().maxRSS / 1024,
      matmulGflops,
      ...(counted && { operatorsPerStep: counted.calls / steps, outsideShare: 1 - counted.seconds / seconds.reduce((a, b) => a + b, 0) }),
    }
  } finally {
    await pipeline.close()
  }
}

function operators(): { calls: number; seconds: number } | undefined {
  const current = engine().backend as unknown as Partial<Counting>
  const profile = current.operatorProfile?.()
  return profile?.reduce((sum, { name, calls, seconds }) => ({ calls: sum.calls + (name.includes('::') ? calls : 0), seconds: sum.seconds + seconds }), {
    calls: 0,
    seconds: 0,
  })
}

async function fastestProduct(n: number): Promise<number> {
  const [a, b] = [randomNormal([n, n]), randomNormal([n, n])]
  let fastest = Number.POSITIVE_INFINITY
  const end = performance.now() + 1000
  for (let i = 0; i < 3 || performance.now() < end; i++) {
    const began = performance.now()
    const y = matMul(a, b)
    // Reading waits for engines that compute in the background; a whole result would take longer than the product.
    const one = slice(y, [0, 0], [1, 1])
    await one.data()
    one.dispose()
    y.dispose()
    if (i > 0) fastest = Math.min(fastest, (performance.now() - began) / 1000)
  }
  a.dispose()
  b.dispose()
  return (2 * n ** 3) / fastest / 1e9
}
