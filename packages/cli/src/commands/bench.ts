import { Command, InvalidArgumentError } from 'commander'
import { backendOption } from '../backend-option.js'
import { type BenchSize, benchSizes } from '../bench/sizes.js'
import { benchStep } from '../bench/step.js'
import { exitCodesHelp } from '../exit-codes.js'

export function benchCommand(): Command {
  return new Command('bench').description('Measure speed on this machine.').addCommand(
    new Command('step')
      .description('Time whole MR-Pretrain steps: three passes, backward, AdamW, teacher update. Random images and texts, no data set.')
      .option('--size <name>', `size of the model and batch: ${Object.keys(benchSizes).join(', ')}`, size, 'tiny')
      .option('--steps <n>', 'steps that are timed', count, 10)
      .option('--warmup <n>', 'steps before them', count, 2)
      .addOption(backendOption())
      .option('--json', 'print one JSON object')
      .addHelpText('after', `\nExamples:\n  $ unidiag bench step\n  $ unidiag bench step --size small --steps 3 --json\n${exitCodesHelp}`)
      .action(async (options: { size: BenchSize; steps: number; warmup: number; backend?: string; json?: boolean }) => {
        const result = await benchStep(options)
        if (options.json) console.log(JSON.stringify(result))
        else
          console.log(
            [
              `MR-Pretrain step, size ${result.size}, batch ${result.batch}, ${result.parameters} parameters, backend ${result.backend}`,
              `  ${result.steps} steps after ${result.warmup} of warm-up: median ${s(result.medianSeconds)} s, min ${s(result.minSeconds)} s, max ${s(result.maxSeconds)} s`,
              `  ${result.samplesPerSecond.toFixed(2)} samples/s at the median`,
            ].join('\n'),
          )
      }),
  )
}

const s = (seconds: number): string => seconds.toFixed(4)

function size(name: string): BenchSize {
  if (name in benchSizes) return name as BenchSize
  throw new InvalidArgumentError(`There is ${Object.keys(benchSizes).join(', ')}.`)
}

function count(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('Expected a whole number from 1.')
  return value
}
