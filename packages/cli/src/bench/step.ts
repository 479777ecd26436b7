import { dryRun } from '../dry/dry-run.js'
import { median } from './median.js'
import { runJson, runSelf } from './run-json.js'
import { benchSizes } from './sizes.js'
import { stepPlugins } from './step-plugins.js'
import { type StepTimingOptions, timeSteps } from './time-steps.js'

export interface StepBench {
  readonly preset: string
  readonly backend: string
  readonly precision: string
  /** As asked for; the engine's own choice when left out. */
  readonly threads?: number
  readonly batch: number
  readonly parameters: number
  readonly steps: number
  readonly warmup: number
  readonly medianSeconds: number
  readonly minSeconds: number
  readonly maxSeconds: number
  readonly samplesPerSecond: number
  /** Of the matrix products of a step as UniDiag computes it, and how fast that was, beside one large product in the same process. */
  readonly gflopsPerStep: number
  readonly gflopsPerSecond: number
  readonly matmulGflops: number
  readonly peakRssMB: number
  readonly operatorsPerStep?: number
  /** Share of a step spent outside the engine's operators. */
  readonly outsideShare?: number
}

/** Times whole optimiser steps in this process, then counts their arithmetic. */
export async function benchStep(o: StepTimingOptions): Promise<StepBench> {
  const { seconds, backend, ...measured } = await timeSteps(o)
  const { parameters, stages } = await dryRun({ plugins: stepPlugins(o.preset, 2, o), name: o.preset })
  const { batch = benchSizes[o.preset].batch } = o
  const medianSeconds = median(seconds)
  const gflopsPerStep = stages[0].flopsPerStep / 1e9
  return {
    preset: o.preset,
    backend,
    precision: o.precision,
    ...(o.threads !== undefined && { threads: o.threads }),
    batch,
    parameters: parameters.total,
    steps: o.steps,
    warmup: o.warmup,
    medianSeconds,
    minSeconds: Math.min(...seconds),
    maxSeconds: Math.max(...seconds),
    samplesPerSecond: batch / medianSeconds,
    gflopsPerStep,
    gflopsPerSecond: gflopsPerStep / medianSeconds,
    ...measured,
  }
}

/** What ../shared/bench/bench_torch.py prints, as far as it is used. */
interface TorchStep {
  readonly torch: string
  readonly attn: string
  readonly median_s: number
  readonly min_s: number
  readonly gflop_per_step: number
  readonly peak_rss_MB: number
}

export interface StepComparison {
  /** The run of ours with the median time. */
  readonly ours: StepBench
  readonly theirs: TorchStep
  /** Median seconds of each turn. */
  readonly oursSeconds: readonly number[]
  readonly theirsSeconds: readonly number[]
  /** Median of our turns over the median of theirs: below 1, UniDiag is faster. And the same of the fastest steps, which a busy machine disturbs least. */
  readonly ratio: number
  readonly ratioOfFastest: number
  readonly memoryRatio: number
}

export interface AgainstOptions {
  /** bench_torch.py, and the Python that has torch. */
  readonly script: string
  readonly python: string
  readonly attention: string
  /** How often each has its turn. */
  readonly turns: number
}

/** Ours and theirs in turns A B A B, each in a process of its own. */
export async function compareStep(o: StepTimingOptions & { readonly threads: number }, against: AgainstOptions): Promise<StepComparison> {
  const ours: StepBench[] = []
  const theirs: TorchStep[] = []
  const batch = o.batch === undefined ? [] : ['--batch', o.batch]
  const own = ['bench', 'step', '--preset', o.preset, '--backend', o.backend, '--precision', o.precision, '--steps', o.steps, '--warmup', o.warmup]
  const other = [against.script, '--size', o.preset, '--steps', o.steps, '--attn', against.attention, '--wait', 0]
  for (let turn = 0; turn < against.turns; turn++) {
    ours.push(await runSelf([...own, ...batch, '--threads', o.threads, '--json'].map(String)))
    theirs.push(await runJson(against.python, [...other, ...batch, '--threads', o.threads].map(String)))
  }
  const oursSeconds = ours.map(({ medianSeconds }) => medianSeconds)
  const theirsSeconds = theirs.map(({ median_s }) => median_s)
  const middle = <T>(all: readonly T[], seconds: readonly number[]): T => all[seconds.indexOf([...seconds].sort((a, b) => a - b)[(seconds.length - 1) >> 1])]
  return {
    ours: middle(ours, oursSeconds),
    theirs: middle(theirs, theirsSeconds),
    oursSeconds,
    theirsSeconds,
    ratio: median(oursSeconds) / median(theirsSeconds),
    ratioOfFastest: Math.min(...ours.map(({ minSeconds }) => minSeconds)) / Math.min(...theirs.map(({ min_s }) => min_s)),
    memoryRatio: Math.max(...ours.map(({ peakRssMB }) => peakRssMB)) / Math.max(...theirs.map(({ peak_rss_MB }) => peak_rss_MB)),
  }
}
