import type { BackendName } from '@unidiag/core/backend/engines'
import { Command } from 'commander'
import { backendOption } from '../backend-option.js'
import { benchScale, type ScaleBench, type ScaleRow } from '../bench/scale.js'
import { exitCodesHelp } from '../exit-codes.js'
import { count } from './bench-step.js'

interface Options {
  readonly backend?: BackendName | 'auto'
  readonly threads?: number
  readonly batches: readonly number[]
  readonly samples: readonly number[]
  readonly steps: number
  readonly json?: boolean
}

export function benchScaleCommand(): Command {
  return new Command('scale')
    .description(
      'Time and memory of pre-training steps with larger batches and with more samples and steps, each in a process of its own. Random data, preset tiny.',
    )
    .addOption(backendOption())
    .option('--threads <n>', "the engine's threads (default: its own choice)", count)
    .option('--batches <list>', "how many times the preset's batch", counts, [1, 2, 4])
    .option('--samples <list>', 'sizes of the data set; each is gone through once', counts, [100, 1000, 10_000])
    .option('--steps <n>', 'steps that are timed of each batch', count, 10)
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  $ unidiag bench scale
  $ unidiag bench scale --backend torch --threads 2 --samples 100,1000 --json
${exitCodesHelp}`,
    )
    .action(async ({ backend = 'auto', json, ...o }: Options) => {
      const result = await benchScale({ backend, ...o })
      console.log(json ? JSON.stringify(result) : describe(result))
    })
}

const counts = (text: string): number[] => text.split(',').map(count)

function describe({ preset, backend, batches, samples, memoryRatio }: ScaleBench): string {
  const head = ['batch', 'samples', 'steps', 's a step', 'samples/s', 'peak MB']
  const cells = ({ batch, samples, steps, medianSeconds, samplesPerSecond, peakRssMB }: ScaleRow): string[] => [
    ...[batch, samples, steps].map(String),
    medianSeconds.toFixed(4),
    samplesPerSecond.toFixed(1),
    peakRssMB.toFixed(0),
  ]
  const line = (row: readonly string[]): string => row.map((cell) => cell.padStart(10)).join('')
  return [
    `MR-Pretrain steps, ${preset}, ${backend}`,
    line(head),
    ...[...batches, ...samples].map((row) => line(cells(row))),
    `peak memory of the most samples over that of the fewest: ${memoryRatio.toFixed(2)}`,
  ].join('\n')
}
