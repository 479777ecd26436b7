import type { BackendName, Precision } from '@unidiag/core/backend/engines'
import { Command, InvalidArgumentError, Option } from 'commander'
import { backendOption } from '../backend-option.js'
import { type BenchSize, benchSizes } from '../bench/sizes.js'
import { benchStep, compareStep, type StepBench, type StepComparison } from '../bench/step.js'
import { exitCodesHelp } from '../exit-codes.js'

interface Options {
  readonly preset: BenchSize
  readonly backend?: BackendName | 'auto'
  readonly threads?: number
  readonly precision: Precision
  readonly steps: number
  readonly warmup?: number
  readonly batch?: number
  readonly samples?: number
  readonly against?: string
  readonly python: string
  readonly attn: string
  readonly turns: number
  readonly json?: boolean
}

export function benchStepCommand(): Command {
  return new Command('step')
    .description('Time whole MR-Pretrain steps: three passes, backward, AdamW, teacher update. Random images and texts, no data set, no dropout.')
    .addOption(new Option('--preset <name>', 'size of the model and batch').choices(Object.keys(benchSizes)).default('tiny'))
    .addOption(backendOption())
    .option('--threads <n>', "the engine's threads (default: its own choice; 1 with --against)", count)
    .addOption(new Option('--precision <name>', 'of matrix products and attention').choices(['f32', 'bf16']).default('f32'))
    .option('--steps <n>', 'steps that are timed', count, 10)
    .option('--warmup <n>', 'steps before them (default: enough for the preset)', count)
    .option('--batch <n>', "samples of a batch (default: the preset's)", count)
    .addOption(new Option('--samples <n>', 'samples of the data set (default: one batch, in every step)').argParser(count).conflicts('against'))
    .option('--against <script>', 'time the same step in PyTorch, in turns A B A B: the path of bench_torch.py')
    .option('--python <path>', 'with --against: a Python that has torch', 'python3')
    .addOption(new Option('--attn <name>', "with --against: PyTorch's attention").choices(['sdpa', 'eager']).default('sdpa'))
    .option('--turns <n>', 'with --against: how often each has its turn', count, 3)
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  $ unidiag bench step
  $ unidiag bench step --preset small --backend torch --threads 2 --steps 5
  $ unidiag bench step --preset small --backend torch --threads 2 --against ../shared/bench/bench_torch.py --python .venv/bin/python
${exitCodesHelp}`,
    )
    .action(async ({ json, against, python, attn, turns, ...o }: Options) => {
      const timing = { backend: 'auto', warmup: benchSizes[o.preset].warmup, ...o } as const
      if (against === undefined) {
        const result = await benchStep(timing)
        console.log(json ? JSON.stringify(result) : describe(result))
      } else {
        const result = await compareStep({ threads: 1, ...timing }, { script: against, python, attention: attn, turns })
        console.log(json ? JSON.stringify(result) : describeComparison(result))
      }
    })
}

const s = (seconds: number): string => `${seconds.toFixed(4)} s`

function describe(r: StepBench): string {
  const { operatorsPerStep, outsideShare } = r
  return [
    `MR-Pretrain step, ${r.preset}, batch ${r.batch}, ${r.parameters} parameters, ${r.backend}, ${r.precision}${r.threads === undefined ? '' : `, threads ${r.threads}`}`,
    `  ${r.steps} steps after ${r.warmup} of warm-up: median ${s(r.medianSeconds)}, min ${s(r.minSeconds)}, max ${s(r.maxSeconds)}; ${r.samplesPerSecond.toFixed(2)} samples/s`,
    `  ${r.gflopsPerStep.toFixed(1)} GFLOP a step, ${r.gflopsPerSecond.toFixed(1)} GFLOP/s; a large matrix product: ${r.matmulGflops.toFixed(1)} GFLOP/s`,
    `  peak memory of the process: ${r.peakRssMB.toFixed(0)} MB`,
    ...(operatorsPerStep === undefined || outsideShare === undefined
      ? []
      : [`  ${operatorsPerStep.toFixed(0)} operators a step; ${(100 * outsideShare).toFixed(1)} % of the time outside of them`]),
  ].join('\n')
}

function describeComparison({ ours, theirs, oursSeconds, theirsSeconds, ratio, ratioOfFastest, memoryRatio }: StepComparison): string {
  const turns = (seconds: readonly number[]): string => seconds.map((x) => x.toFixed(4)).join(', ')
  return [
    describe(ours),
    `PyTorch ${theirs.torch}, ${theirs.attn} attention: median ${s(theirs.median_s)}, ${theirs.gflop_per_step} GFLOP a step, peak memory ${theirs.peak_rss_MB} MB`,
    `  medians of the turns: ours ${turns(oursSeconds)}; theirs ${turns(theirsSeconds)}`,
    `  ratio of medians, ours over theirs: ${ratio.toFixed(3)} (fastest steps: ${ratioOfFastest.toFixed(3)}); of peak memory: ${memoryRatio.toFixed(2)}`,
  ].join('\n')
}

export function count(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('Expected a whole number from 1.')
  return value
}
