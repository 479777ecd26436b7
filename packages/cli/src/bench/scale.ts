import { runSelf } from './run-json.js'
import { benchSizes } from './sizes.js'
import type { StepBench } from './step.js'

export interface ScaleOptions {
  readonly backend: string
  readonly threads?: number
  /** How many times the preset's batch. */
  readonly batches: readonly number[]
  /** Sizes of the data set; each is gone through once. */
  readonly samples: readonly number[]
  readonly steps: number
}

export interface ScaleRow {
  readonly batch: number
  readonly samples: number
  readonly steps: number
  readonly medianSeconds: number
  readonly samplesPerSecond: number
  readonly peakRssMB: number
}

export interface ScaleBench {
  readonly preset: 'tiny'
  readonly backend: string
  readonly batches: readonly ScaleRow[]
  readonly samples: readonly ScaleRow[]
  /** Peak memory of the most samples over that of the fewest: about 1 where memory stays flat. */
  readonly memoryRatio: number
}

const PRESET = 'tiny'

/** Whole steps of the smallest model with larger batches and with more samples, each in a process of its own. */
export async function benchScale(o: ScaleOptions, run: <T>(args: readonly string[]) => Promise<T> = runSelf): Promise<ScaleBench> {
  const { batch: unit } = benchSizes[PRESET]
  const chosen = ['--preset', PRESET, '--backend', o.backend, ...(o.threads === undefined ? [] : ['--threads', o.threads])]
  let backend = o.backend
  const time = async (batch: number, samples: number, steps: number): Promise<ScaleRow> => {
    const step = await run<StepBench>(['bench', 'step', ...chosen, '--batch', batch, '--samples', samples, '--steps', steps, '--json'].map(String))
    const { medianSeconds, samplesPerSecond, peakRssMB } = step
    backend = step.backend
    return { batch, samples, steps, medianSeconds, samplesPerSecond, peakRssMB }
  }
  const batches: ScaleRow[] = []
  for (const times of o.batches) batches.push(await time(times * unit, times * unit, o.steps))
  const samples: ScaleRow[] = []
  for (const count of o.samples) samples.push(await time(unit, count, Math.ceil(count / unit)))
  const ordered = [...samples].sort((a, b) => a.samples - b.samples)
  return { preset: PRESET, backend, batches, samples, memoryRatio: ordered[ordered.length - 1].peakRssMB / ordered[0].peakRssMB }
}
